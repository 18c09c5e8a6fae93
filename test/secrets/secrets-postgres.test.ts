import { describeMarked } from './world.ts'

describeMarked('Postgres')
