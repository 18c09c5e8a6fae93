import { PGlite } from '@electric-sql/pglite'

/** Run as a process of its own: makes the files of an embedded database in the folder that it is given, and ends. */
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('a folder is missing')
// The process that wants the files has died: they are of no use to anybody.
const onDisconnect = () => process.exit(1)
process.once('disconnect', onDisconnect)
try {
  const pglite = await PGlite.create({ dataDir: folder })
  await pglite.close()
} catch {
  // The caller tries again by itself, and says why it cannot.
  process.exit(1)
}
process.off('disconnect', onDisconnect)
process.disconnect?.()
