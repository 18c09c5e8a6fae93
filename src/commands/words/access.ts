import { type Command, Option } from 'commander'
import { ROLES } from '../../domain/access.ts'
import { type Act, positive } from './act.ts'

export function addAccess(program: Command, act: Act): void {
  const access = program.command('access').description('who may use the page and the API')
  access
    .command('link')
    .description('print a link that signs one person in, once, within 15 minutes')
    .addOption(new Option('--role <role>', 'what they may do').choices(ROLES).default('admin'))
    .option('--email <address>', 'whom it is for: the audit names them so, and the session ends when they leave')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, options: { role: string; email?: string; json: boolean }) => (await import('../access.ts')).link(c, options)),
    )
  const tokens = access.command('tokens').description('API tokens')
  tokens
    .command('list', { isDefault: true })
    .description('every token: role, owner, last use, end; never the token itself')
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: { json: boolean }) => (await import('../access.ts')).listTokens(c, options)))
  tokens
    .command('create <name>')
    .description('make a token and print it: it is shown this once')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('--days <n>', 'how long it is good for, at most 366', positive, 90)
    .requiredOption('--owner <who>', 'e-mail address or external id of whoever answers for it: it dies when they leave')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string, options: { role: string; days: number; owner: string; json: boolean }) =>
        (await import('../access.ts')).createToken(c, name, options),
      ),
    )
  tokens
    .command('revoke <name>')
    .description('revoke a token: it opens nothing from now on')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, name: string, options: { json: boolean }) => (await import('../access.ts')).revokeToken(c, name, options)),
    )
}
