import type { Command } from 'commander'
import { RevenantError } from '../../domain/error.ts'
import type { Act } from './act.ts'

export function addSources(program: Command, act: Act): void {
  const sources = program.command('sources').description('the sources that tell by themselves who leaves')
  sources
    .command('list', { isDefault: true })
    .description('every source, when it was heard and what waits for a decision')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../sources.ts')).list(c, options)))
  sources
    .command('pull <name>')
    .description('ask a source now, where it is one that is asked')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, name: string, options: { json: boolean }) => (await import('../sources.ts')).pull(c, name, options)))
  sources
    .command('out-of-sight <name>')
    .description('who is here, and a source is not asked for them any more: it tells of none of them')
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, name: string, options: { json: boolean }) =>
        (await import('../source-unseen.ts')).outOfSight(c, name, options),
      ),
    )
  sources
    .command('held')
    .description('what sources said and nobody has decided yet')
    .option('--source <name>', 'of one source')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean; source?: string }) => (await import('../sources.ts')).held(c, options)))
  sources
    .command('apply <id...>')
    .description('take statements that were held as they were said; a departure counts from when it was told')
    .option('--suspend', 'an inactivity was no departure: they are suspended', false)
    .option('--as <external-id>', 'a new subject with a known name is somebody else, who is called this here')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, ids: string[], options: { suspend: boolean; as?: string; json: boolean }) => {
        const departure = options.suspend ? ('suspend' as const) : undefined
        return (await import('../sources.ts')).decide(c, ids.map(checkedId), { is: 'apply', departure, as: options.as }, options)
      }),
    )
  sources
    .command('dismiss <id...>')
    .description('take statements that were held for mistakes: nothing is done, and they are not asked about again')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, ids: string[], options: { json: boolean }) =>
        (await import('../sources.ts')).decide(c, ids.map(checkedId), { is: 'dismiss' }, options),
      ),
    )
  addFaults(sources, act)
}

function addFaults(sources: Command, act: Act): void {
  sources
    .command('faults [name]')
    .description('what sources said and nobody could take: a departure may be among it')
    .option('--source <name>', 'of one source, as NAME')
    .option('--json', 'one JSON document a line', false)
    .action(
      act(async (c, name: string | undefined, options: { json: boolean; source?: string }) =>
        (await import('../source-faults.ts')).faults(c, name, options),
      ),
    )
  sources
    .command('dismiss-faults <name> [key...]')
    .description('take what could not be taken off the list, of these keys or all: somebody has seen to it')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string, keys: string[], options: { json: boolean }) =>
        (await import('../source-faults.ts')).dismissFaults(c, name, keys, options),
      ),
    )
}

function checkedId(id: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return id
  throw new RevenantError('INPUT_INVALID', `"${id}" is no id of a statement: take one from \`revenant sources held\``)
}
