import { afterAll, expect, it } from 'vitest'
import { openHouse } from '../servers/revenant.ts'

const house = openHouse()
afterAll(() => house.stop())

it('says in a pipe where the page is and how one gets in, before it draws anything', { timeout: 60_000 }, async () => {
  const demo = house.start(['demo'], { config: false })
  const link = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const found = /^(http:\/\/127\.0\.0\.1:\d+\/#\/sign-in\?code=\S+)\n/m.exec(demo.stdout())?.[1]
      if (found !== undefined) resolve(found)
    }
    demo.child.stdout?.on('data', look)
    demo.ended.then(({ stderr }) => reject(new Error(`the demo ended: ${stderr}`)), reject)
  })
  const { origin, hash } = new URL(link)
  expect(demo.stdout()).toContain(`The page:  ${origin}/\n`)
  expect(demo.stdout()).not.toContain('STILL OPEN')
  const code = hash.split('code=')[1]
  const headers = { 'content-type': 'application/json', origin }
  const signed = await fetch(`${origin}/v1/session`, { method: 'POST', headers, body: JSON.stringify({ code }) })
  expect(signed.status).toBe(201)
  demo.child.kill('SIGINT')
  expect((await demo.ended).exit).toBe(0)
})
