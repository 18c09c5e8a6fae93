import { expect, it } from 'vitest'
import { openGate } from '../../src/api/gate.ts'
import { Problem } from '../../src/api/problem.ts'
import { BUDGETS, openRate } from '../../src/api/rate.ts'

const from = (authorization?: string) => ({ ip: '192.0.2.1', headers: authorization === undefined ? {} : { authorization } })
const nobody = async () => undefined

it('looks up whoever was good a moment ago, several at once, while others of his address are turned away', async () => {
  const gate = openGate(openRate(() => 0))
  expect(await gate(from('good'), async () => 'anna')).toBe('anna')
  for (let n = 0; n < BUDGETS.anybody.most; n++) await gate(from(`wrong ${n}`), nobody).catch(() => {})
  await expect(gate(from('never seen'), async () => 'bob')).rejects.toMatchObject({ status: 429 })
  const many = Array.from({ length: 5 }, () => gate(from('good'), async () => 'anna'))
  expect(await Promise.all(many)).toEqual(many.map(() => 'anna'))
  // A fault of ours says nothing of him.
  await expect(gate(from('good'), () => Promise.reject(new Error('the database is away')))).rejects.toThrow('away')
  expect(await gate(from('good'), async () => 'anna')).toBe('anna')
  await expect(gate(from('good'), () => Promise.reject(new Problem(401, 'revoked')))).rejects.toMatchObject({ status: 429 })
  await expect(gate(from('good'), async () => 'anna')).rejects.toMatchObject({ status: 429 })
})
