import { type CommandContext, recordAction, withRuntime } from './context.ts'
import { counted, done, EXIT, json, line } from './io.ts'
import { progressBar } from './progress.ts'

/** `revenant keys list` */
export async function list(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const keys = await runtime.custody.describe()
    const { io } = context
    if (options.json) json(io, keys)
    else {
      for (const key of keys.ring)
        line(
          io,
          `ring  ${key.id}  made ${key.createdAt.toString()}${key.active ? '  active' : ''}  wraps ${counted(key.dataKeys, 'data key')}`,
        )
      for (const key of keys.data)
        line(
          io,
          `data  ${key.id}  made ${key.createdAt.toString()}${key.retiredAt === null ? '' : '  retired'}  seals ${counted(key.secrets, 'secret')}`,
        )
    }
    return EXIT.ok
  })
}

/** `revenant keys recipient` */
export async function recipient(context: CommandContext, options: { json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const found = await runtime.custody.recipient()
    if (options.json) json(context.io, { recipient: found })
    else line(context.io, found)
    return EXIT.ok
  })
}

/** `revenant keys rotate [--drop-old]` */
export async function rotate(context: CommandContext, options: { dropOld: boolean; json: boolean }): Promise<number> {
  return withRuntime(context, async (runtime) => {
    const bar = progressBar(context.io, 'secrets')
    const report = await runtime.custody.rotate({ dropOld: options.dropOld, progress: (done, total) => bar.update(done, total) })
    bar.stop()
    await recordAction(runtime, 'keys.rotate', 'key ring', { ...report, broken: report.broken.length })
    return done(
      context.io,
      options.json,
      { ...report },
      `Rotated: ${JSON.stringify(report)}. Back up ${runtime.config.keyRing} now: without it no sealed secret opens.`,
    )
  })
}
