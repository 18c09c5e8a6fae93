import { stringify } from 'yaml'
import { parseConfig } from '../../src/config/load.ts'
import { openCustody } from '../../src/custody/custody.ts'
import { CONFIG_CHECKS } from '../../src/daemon/checks.ts'
import { sequencerOf } from '../../src/daemon/ledger.ts'
import type { Sequencer } from '../../src/evidence/sequencer.ts'
import { audit } from '../../src/store/audit.ts'
import type { Store } from '../../src/store/db.ts'
import { openStore } from '../../src/store/open-store.ts'

/** The store and the sequencer as the daemon has them, over a key ring in a file. */
export async function openLedgerWriter(url: string, keyRing: string): Promise<{ store: Store; sequencer: Sequencer }> {
  const store = await openStore({ url, poolSize: 4, applicationName: 'ledger writer' })
  const now = () => Temporal.Now.instant()
  await openCustody({ db: store.db, keyRingPath: keyRing, clock: now })
  const config = await parseConfig(stringify({ keyRing }), 'writer.yaml', CONFIG_CHECKS)
  return { store, sequencer: sequencerOf({ config, instance: 'writer', now, store }) }
}

/** As a process: records and sequences as fast as it can until it is killed. */
const [url, keyRing] = process.argv.slice(2)
if (import.meta.main && url !== undefined && keyRing !== undefined) {
  const { store, sequencer } = await openLedgerWriter(url, keyRing)
  process.send?.('running')
  const record = async () => {
    for (;;) {
      await store.db.transaction().execute(async (tx) => {
        const at = Temporal.Now.instant()
        for (let row = 0; row < 20; row++) await audit(tx, { actor: 'writer', action: 'test', subject: `${process.pid}`, at })
      })
    }
  }
  const sequence = async () => {
    for (;;) {
      await sequencer.run()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  await Promise.all([record(), sequence()])
}
