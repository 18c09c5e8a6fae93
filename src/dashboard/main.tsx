import { render } from 'preact'
import './style/tokens.css'
import './style/base.css'
import './style/layout.css'
import './style/panel.css'
import './style/control.css'
import './style/badge.css'
import './style/table.css'
import './style/door.css'
import './style/plot.css'
import './style/event.css'
import './style/state.css'
import './style/dialog.css'
import './style/calendar.css'
import './style/gate.css'
import './style/bar.css'
import { App, loadAhead } from './app.tsx'
import { openLive } from './live.ts'
import { askSession } from './session.ts'
import { openTheme } from './theme.ts'

const page = document.getElementById('page')
if (page !== null) {
  openTheme()
  void askSession()
  loadAhead()
  openLive()
  render(<App />, page)
}
