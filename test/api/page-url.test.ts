import { expect, it } from 'vitest'
import { pageUrl } from '../../src/api/access/page-url.ts'
import { parseConfig } from '../../src/config/load.ts'
import { checks } from '../config/checks.ts'

it.each([
  ['', undefined, 'http://127.0.0.1:8480'],
  ['', 'http://127.0.0.1:4711', 'http://127.0.0.1:4711'],
  ['listen: "[::1]:1"', undefined, 'http://[::1]:1'],
  ['{ listen: "0.0.0.0:1", access: { proxy: { trust: [10.0.0.1] } } }', 'http://0.0.0.0:1', 'http://127.0.0.1:1'],
  ['{ listen: "[::]:1", access: { tls: { cert: a, key: b } } }', undefined, 'https://[::1]:1'],
  ['publicUrl: https://revenant.example.com', 'http://127.0.0.1:4711', 'https://revenant.example.com'],
])('%s, listening at %s: the page is at %s', async (text, address, page) => {
  expect(pageUrl(await parseConfig(text, 'f.yaml', checks), address)).toBe(page)
})
