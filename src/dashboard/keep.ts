/** What this browser keeps of the reader's choices: how the page looks, never what it shows. */
const PREFIX = 'revenant.'

/** Undefined where there is none, or where the browser keeps nothing. */
export function kept(name: string): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined
  } catch {
    return undefined
  }
}

export function keep(name: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(PREFIX + name)
    else localStorage.setItem(PREFIX + name, value)
  } catch {
    // Then the choice lasts as long as the page.
  }
}
