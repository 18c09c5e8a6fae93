import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openStore } from '../../src/store/open-store.ts'

/**
 * Runs once before all tests: makes an embedded database with its schema, which every test that does not ask how one is made gets a
 * copy of (`furnish`). To make it anew takes 3 s.
 */
export async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'revenant-template-'))
  const store = await openStore({ dataDir: folder })
  await store.close()
  project.provide('embeddedTemplate', folder)
  return () => rmSync(folder, { recursive: true, force: true })
}
