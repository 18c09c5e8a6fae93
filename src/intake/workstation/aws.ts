import { iniLines, sectionsOf } from './ini-lines.ts'
import type { Stored } from './stored.ts'

/** `.aws/credentials`: access keys by profile. Temporary ones, which have a session token, live for hours. */
export async function readAws(text: string): Promise<Stored[]> {
  const stored: Stored[] = []
  for (const keys of sectionsOf(await iniLines(text, true)).values()) {
    const [id, secret, session] = ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token'].map((key) => keys.get(key))
    if (secret === undefined) {
      const helper = keys.get('credential_process')
      if (helper !== undefined)
        stored.push({ reason: 'elsewhere', why: 'is kept by a program: nothing to import here', line: helper.line })
      continue
    }
    const { line } = secret
    if (id === undefined) stored.push({ reason: 'not_replayable', why: 'is a secret key without its id', line })
    else if (!id.clear || !secret.clear || session?.clear === false) stored.push({ reason: 'unclear', line })
    else {
      const parts = { accessKeyId: id.value, secretAccessKey: secret.value }
      stored.push({ kinds: ['aws'], parts: session === undefined ? parts : { ...parts, sessionToken: session.value }, line })
    }
  }
  return stored
}
