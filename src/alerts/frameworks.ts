import type { FindingKind } from '../domain/finding.ts'
import type { FrameworkMapping } from '../domain/framework.ts'

export type Frameworks = Record<string, string[]>

// A credential of somebody who left still opens a door. Wording of the controls: PCI DSS 8.2.5 "immediately revoked",
// CSF PR.AA-05 "whenever someone changes roles or leaves … promptly rescind", SP 800-53 PS-4 a/b, AC-2(3)(b).
const LEAVER: Frameworks = {
  owasp_nhi: ['NHI1:2025'],
  nist_csf: ['PR.AA-01', 'PR.AA-05'],
  nist_800_53: ['AC-2(3)', 'PS-4', 'IA-5'],
  iso_27001: ['5.18', '6.5'],
  soc2: ['CC6.2', 'CC6.3'],
  pci_dss: ['8.2.5'],
  cis: ['6.2'],
}

// A door without a lock: nothing about leavers, all about authentication.
const OPEN_DOOR: Frameworks = {
  owasp_nhi: ['NHI4:2025'],
  nist_csf: ['PR.AA-05'],
  nist_800_53: ['AC-3', 'IA-2'],
  iso_27001: ['5.15'],
  soc2: ['CC6.1'],
}

// We cannot see: the control may work, but nobody shows it.
const BLINDNESS: Frameworks = { nist_csf: ['PR.AA-05'], nist_800_53: ['CA-7', 'AC-2(3)'], soc2: ['CC6.2'] }

const BY_KIND: Record<FindingKind, Frameworks> = {
  residual_access: LEAVER,
  resurrected_access: LEAVER,
  shared_secret_not_rotated: { ...LEAVER, owasp_nhi: ['NHI1:2025', 'NHI9:2025'] },
  handover_overdue: { ...LEAVER, owasp_nhi: ['NHI1:2025', 'NHI7:2025'] },
  open_system: OPEN_DOOR,
  any_secret_accepted: OPEN_DOOR,
  principal_mismatch: { ...LEAVER, nist_800_53: ['AC-2(3)', 'IA-4', 'IA-5'] },
  blind_system: BLINDNESS,
  unverified_past_deadline: { ...LEAVER, nist_800_53: ['AC-2(3)', 'PS-4', 'CA-7'] },
  orphaned_identity: {
    owasp_nhi: ['NHI1:2025'],
    nist_csf: ['PR.AA-01'],
    nist_800_53: ['AC-2', 'IA-4'],
    iso_27001: ['5.16'],
    soc2: ['CC6.2'],
  },
  feed_silent: BLINDNESS,
  standing_grant: LEAVER,
}

/**
 * The controls that a finding of this kind speaks to, by framework. A fresh copy.
 *
 * @param mapping the file `config/frameworks.yaml`; left out: what is built in, for installations without it
 */
export function frameworksOf(kind: FindingKind, mapping?: FrameworkMapping): Frameworks {
  if (mapping === undefined) return structuredClone(BY_KIND[kind])
  const named = mapping.frameworks.map(
    ({ name, controls }) => [name, controls.filter(({ findings }) => findings.includes(kind)).map(({ id }) => id)] as const,
  )
  return Object.fromEntries(named.filter(([, controls]) => controls.length > 0))
}
