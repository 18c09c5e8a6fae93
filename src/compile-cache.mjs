// Preloaded by `npm start` (`--import`), before any TypeScript: compiled code is kept beside the packages, whose owner alone can write
// there. A start takes half the time, and the stripper of types with its 15 MB is not loaded. Where the folder cannot be written
// everything works without, and so it does on a Node.js that knows no such cache.
import * as modules from 'node:module'
import { fileURLToPath } from 'node:url'

modules.enableCompileCache?.(fileURLToPath(new URL('../node_modules/.cache/revenant', import.meta.url)))
