import { z } from 'zod'
import { notOne, type Stored } from './stored.ts'
import { parseJson } from './structured.ts'

const credentials = z.object({
  type: z.string(),
  refresh_token: z.string().optional(),
  private_key: z.string().optional(),
  client_email: z.string().optional(),
})

/** Application default credentials and keys of service accounts (Google Cloud SDK): JSON with a type. */
export function readGcloud(text: string): Stored[] {
  const parsed = credentials.safeParse(parseJson(text))
  if (!parsed.success) return [notOne("one of the Google Cloud SDK's credentials")]
  const { refresh_token, private_key, client_email } = parsed.data
  if (refresh_token !== undefined) return [{ kinds: ['gcloud'], parts: { refreshToken: refresh_token } }]
  if (private_key === undefined) return [{ reason: 'elsewhere' }]
  return [
    {
      kinds: ['gcloud'],
      parts: { serviceAccountKey: private_key },
      ...(client_email === undefined ? {} : { principal: client_email }),
    },
  ]
}

/** The SDK's SQLite files, which hold refresh and access tokens: there is no probe for either, so that they are not opened. */
export function readGcloudDatabase(): Stored[] {
  return [{ reason: 'no_probe', why: 'holds tokens of the Google Cloud SDK, which no probe replays' }]
}
