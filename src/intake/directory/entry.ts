/** An entry of a directory: its values by the name of the attribute in lower case. */
export interface DirectoryEntry {
  dn: string
  values: ReadonlyMap<string, readonly (string | Buffer)[]>
}

/** The first value of an attribute that is text and not blank, without control characters, which no database keeps. */
export function firstText(entry: DirectoryEntry, attribute: string): string | undefined {
  return texts(entry, attribute)[0]
}

export function texts({ values }: DirectoryEntry, attribute: string): string[] {
  return (values.get(attribute.toLowerCase()) ?? []).flatMap((value) => {
    const text = typeof value === 'string' ? value.replaceAll(/\p{Cc}/gu, ' ').trim() : ''
    return text === '' ? [] : [text]
  })
}

/** The first value as it came. */
export function firstBytes({ values }: DirectoryEntry, attribute: string): Buffer | undefined {
  const value = values.get(attribute.toLowerCase())?.[0]
  return typeof value === 'string' ? Buffer.from(value) : value
}
