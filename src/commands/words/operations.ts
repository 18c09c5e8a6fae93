import type { Command } from 'commander'
import type { Act } from './act.ts'

export function addOperations(program: Command, act: Act): void {
  const systems = program.command('systems').description('the downstream systems')
  systems
    .command('list', { isDefault: true })
    .description('every system, whether it is tried and how its controls stand')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../systems.ts')).list(c, options)))
  systems
    .command('rebind <name>')
    .description('let the secrets of a system open for its new address')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, name: string, options: { json: boolean }) => (await import('../systems.ts')).rebind(c, name, options)))
  program
    .command('pause [system]')
    .description('stop replays, of one system or of all')
    .option('--all', 'every system', false)
    .option('--note <text>', 'why', '')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string | undefined, options: { all: boolean; note: string; json: boolean }) =>
        (await import('../systems.ts')).pause(c, name, options),
      ),
    )
  program
    .command('resume [system]')
    .description('let replays go on')
    .option('--all', 'lift the pause of everything', false)
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string | undefined, options: { all: boolean; json: boolean }) =>
        (await import('../systems.ts')).resume(c, name, options),
      ),
    )
  const keys = program.command('keys').description('the keys that seal secrets')
  keys
    .command('list', { isDefault: true })
    .description('the keys by their ids, and how much each of them protects')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../keys.ts')).list(c, options)))
  keys
    .command('recipient')
    .description('what whoever hands over secrets encrypts them to, with age')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../keys.ts')).recipient(c, options)))
  keys
    .command('rotate')
    .description('make new keys and seal every secret anew, while the daemon runs')
    .option('--drop-old', 'forget the old ring keys afterwards (old backups then need the old ring file)', false)
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { dropOld: boolean; json: boolean }) => (await import('../keys.ts')).rotate(c, options)))
  keys
    .command('check')
    .description('try every key and every secret, and say what can no longer be opened and what to do; works without the keys')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../keys-check.ts')).check(c, options)))
  keys
    .command('wrap')
    .description('wrap the key ring as keyRing.wrap of the configuration says, while the daemon runs')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../keys-wrap.ts')).changeWrap(c, 'wrap', options)))
  keys
    .command('rewrap')
    .description('wrap it anew: after keyRing.wrap changed, or to leave a passphrase or a version of a key behind')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../keys-wrap.ts')).changeWrap(c, 'rewrap', options)))
  keys
    .command('unwrap')
    .description('keep the key ring unwrapped; its way of wrapping then stands in keyRing.previous')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../keys-wrap.ts')).changeWrap(c, 'unwrap', options)))
  program
    .command('doctor')
    .description('check database, keys, clock, systems and receivers, and say what to mend')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../doctor.ts')).doctor(c, options)))
  program
    .command('health')
    .description('ask the running daemon whether it is alive, for the health check of a container: exit 0 or 1')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../health.ts')).health(c, options)))
  program
    .command('config')
    .description('the configuration file')
    .command('check')
    .description('list every fault with its line')
    .option('--json', 'one JSON document', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../config.ts')).check(c, options)))
}
