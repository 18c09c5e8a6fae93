import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorCode } from '../../src/domain/error.ts'

const ROOT = join(import.meta.dirname, '../..')
const LOCK = join(tmpdir(), 'revenant-page-build')
/** A lock that is older belongs to nobody any more. */
const STALE_MS = 60_000

/** Builds the page as the installation does, unless it was built from what is there today; once, whoever else wants it at the same time. */
export async function builtPage(): Promise<void> {
  if (isCurrent()) return
  const release = await locked()
  try {
    if (isCurrent()) return
    execFileSync(process.execPath, [join(ROOT, 'scripts/page.mjs')], {
      cwd: ROOT,
      env: { PATH: process.env.PATH ?? '' },
      stdio: 'inherit',
    })
  } finally {
    release()
  }
}

function isCurrent(): boolean {
  const sources = [
    ...['src/dashboard', 'src/domain', 'src/evidence'].map((folder) => newest(join(ROOT, folder))),
    changed(join(ROOT, 'vite.config.ts')),
  ]
  return changed(join(ROOT, 'dist/dashboard/index.html')) >= Math.max(...sources)
}

async function locked(): Promise<() => void> {
  for (;;) {
    try {
      mkdirSync(LOCK)
      return () => rmSync(LOCK, { recursive: true, force: true })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
    if (Date.now() - changed(LOCK) > STALE_MS) rmSync(LOCK, { recursive: true, force: true })
    await sleep(100)
  }
}

function newest(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Math.max(...entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => changed(join(parentPath, name))))
}

/** 0 where there is no such file. */
function changed(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
