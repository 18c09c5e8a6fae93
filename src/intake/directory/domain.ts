import { RevenantError } from '../../domain/error.ts'
import type { Directory } from './directory.ts'
import { firstBytes, firstText } from './entry.ts'

/** One copy of an Active Directory domain. */
export interface Domain {
  /** The server, and the invocation id of its database, which is another one after a restore: numbers of changes are their own. */
  server: string
  /** Number of its newest change. */
  usn: string
  /** Distinguished name of the container of deleted objects. */
  deletedObjects: string
}

/** What a domain controller says of itself ([MS-ADTS] §3.1.1.3.2), before anything else is asked. */
export async function readDomain(directory: Directory): Promise<Domain> {
  const root = await directory.one('', ['highestCommittedUSN', 'dsServiceName', 'defaultNamingContext'])
  const usn = firstText(root, 'highestCommittedUSN')
  const service = firstText(root, 'dsServiceName')
  const context = firstText(root, 'defaultNamingContext')
  if (usn === undefined || !/^\d{1,20}$/.test(usn) || service === undefined || context === undefined)
    throw new RevenantError(
      'SOURCE_REFUSED',
      'the server is no domain controller: highestCommittedUSN or dsServiceName is missing',
    )
  const settings = await directory.one(service, ['invocationId'])
  const invocation = firstBytes(settings, 'invocationId')?.toString('hex') ?? ''
  return { server: `${service.toLowerCase()} ${invocation}`, usn, deletedObjects: `CN=Deleted Objects,${context}` }
}
