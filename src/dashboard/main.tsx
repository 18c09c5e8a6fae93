import { render } from 'preact'
import './style/tokens.css'
import './style/base.css'
import './style/layout.css'
import './style/parts.css'
import { App } from './app.tsx'
import { openLive } from './live.ts'
import { askSession } from './session.ts'
import { openTheme } from './theme.ts'

const page = document.getElementById('page')
if (page !== null) {
  openTheme()
  openLive()
  render(<App />, page)
  void askSession()
}
