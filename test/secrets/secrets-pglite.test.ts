import { describeMarked } from './world.ts'

describeMarked('PGlite')
