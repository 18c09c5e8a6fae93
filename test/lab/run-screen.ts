import { openScreen } from '../../src/lab/screen.ts'
import { SAMPLE } from './sample.ts'

// Shows two snapshots; ends in good order, or by an error that nobody handles.
const screen = openScreen(process.stdout, process.env)
screen.update({ ...SAMPLE, open: [], alerts: [] })
screen.update(SAMPLE)
if (process.argv[2] === 'crash') throw new Error('an error of the test')
screen.close()
