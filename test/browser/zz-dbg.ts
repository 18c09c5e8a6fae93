import { chromium } from 'playwright-core'
import { openTokenHouse, QUICK, documents } from '../commands/house.ts'
const house = await openTokenHouse({ SCIM_TOKEN: 'scim-token-0123456789abcdef' })
try {
  house.configure({ systems: [house.system()], policy: QUICK, sources: [{ name: 'okta', source: 'scim', tokens: ['env:SCIM_TOKEN'] }] })
  const d = await house.daemon()
  const b = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox','--disable-gpu'] })
  const p = await b.newPage({ baseURL: d.address })
  p.on('pageerror', (e) => console.log('PAGEERROR', e.message, e.stack))
  p.on('console', (m) => console.log('CONSOLE', m.text(), m.location().url))
  p.on('requestfailed', r => console.log('FAILED', r.url(), r.failure()?.errorText))
  const [l] = documents(await house.run(['access','link','--role','operator','--json']))
  const t=Date.now()
  await p.goto(l.url)
  await p.getByRole('heading', { name: 'Overview', level: 1 }).waitFor({timeout: 20000}).catch(e => console.log(String(e).slice(0,200)))
  console.log('took', Date.now()-t)
  console.log((await p.locator('body').innerText()).slice(0, 800))
  await b.close(); console.log(d.said().split('\n').filter((l) => /error|Error|warn/.test(l)).slice(0,4).join('\n').slice(0,3000))
} finally { await house.stop() }
