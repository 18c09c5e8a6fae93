import type { Door } from './door.ts'
import { PAYROLL_DATABASE, type Payroll } from './payroll.ts'
import { BACKUP, JONAS, MAYA } from './people.ts'
import { type KeepSecret, LIMITS, type Stage } from './stage.ts'

/** Salaries: a service's login that was forgotten, a shared password that nobody changed, and one role that is really gone. */
export async function stagePayroll(payroll: Payroll, keep: KeepSecret): Promise<Stage> {
  const system = 'payroll-db'
  const canary = await payroll.addRole('canary')
  const backup = await payroll.addRole('nightly_backup')
  const reporting = await payroll.addRole('reporting')
  const jonas = await payroll.addRole('jonas')
  const dropped = roleDoor(
    { name: 'jonas-db', system, description: "Jonas's database role", closedBy: 'drops the role' },
    () => payroll.dropRole('jonas'),
    () => payroll.createRole('jonas', jonas),
  )
  await dropped.revoke()
  return {
    system: {
      name: system,
      probe: 'postgres',
      tier: 'critical',
      owner: 'dba@example.com',
      limits: LIMITS,
      target: { host: '127.0.0.1', port: payroll.port, database: PAYROLL_DATABASE, tls: 'disable' },
      controls: { canary: { username: 'canary', password: keep(system, canary) } },
    },
    credentials: [
      {
        identity: BACKUP,
        system,
        label: 'backup login',
        kind: 'password',
        principal: 'nightly_backup',
        privilege: 'elevated',
        secret: { username: 'nightly_backup', password: backup },
      },
      {
        identity: MAYA,
        system,
        label: 'reporting login',
        kind: 'password',
        principal: 'reporting',
        shared: true,
        secret: { username: 'reporting', password: reporting },
      },
      {
        identity: JONAS,
        system,
        label: 'own login',
        kind: 'password',
        principal: 'jonas',
        secret: { username: 'jonas', password: jonas },
      },
    ],
    doors: [
      roleDoor(
        { name: 'backup-db', system, description: 'the database login of nightly-backup', closedBy: 'sets the role to NOLOGIN' },
        () => payroll.setLogin('nightly_backup', false),
        () => payroll.setLogin('nightly_backup', true),
      ),
      roleDoor(
        { name: 'reporting-db', system, description: 'the reporting login that Maya shared', closedBy: 'changes the password' },
        () => payroll.setPassword('reporting'),
        () => payroll.setPassword('reporting', reporting),
      ),
      dropped,
    ],
  }
}

/** A door that knows whether it is open: revoking twice, or at the same time, does it once. */
function roleDoor(
  named: Pick<Door, 'name' | 'system' | 'description' | 'closedBy'>,
  close: () => Promise<void>,
  open: () => Promise<void>,
): Door {
  let isOpen = true
  let turn = Promise.resolve()
  const set = (wanted: boolean) => {
    const mine = turn.then(async () => {
      if (isOpen === wanted) return
      await (wanted ? open() : close())
      isOpen = wanted
    })
    turn = mine.catch(() => {})
    return mine
  }
  return { ...named, isOpen: () => isOpen, revoke: () => set(false), restore: () => set(true) }
}
