import { PGlite } from '@electric-sql/pglite'

/** Run as a process of its own: makes the files of an embedded database in the folder that it is given, and ends. */
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('a folder is missing')
// The process that wants the files has died: they are of no use to anybody.
const onDisconnect = () => process.exit(1)
process.once('disconnect', onDisconnect)
const pglite = await PGlite.create({ dataDir: folder })
await pglite.close()
process.off('disconnect', onDisconnect)
process.disconnect?.()
