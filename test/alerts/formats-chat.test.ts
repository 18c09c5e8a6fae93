import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describe as describeAlert } from '../../src/alerts/describe.ts'
import { FORMATS, render } from '../../src/alerts/formats/format.ts'
import { frameworksOf } from '../../src/alerts/frameworks.ts'
import { plain } from '../../src/alerts/plain.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { ALERT, anyAlert, FULL_CONTEXT, GROUP, groupOf, HEARTBEAT, HOSTILE, hostileAlert, ORPHAN } from './sample.ts'

const RUNBOOK = 'https://wiki.example.com/payroll-access'
const WITH_RUNBOOK: Alert = { ...ALERT, system: { ...ALERT.system, runbook: RUNBOOK } }
const MANY = groupOf([ALERT, ...Array.from({ length: 199 }, () => ORPHAN)])
const HOSTILE_ALERTS = HOSTILE.map(hostileAlert)

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }
type Tree = { [name: string]: Json }

/** Every object of a document. */
function objects(value: Json): Tree[] {
  if (Array.isArray(value)) return value.flatMap(objects)
  return typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(objects)] : []
}

function parse(body: string): Tree {
  return JSON.parse(body)
}

const urls = (document: Tree) =>
  objects(document).flatMap(({ url, href }) => [url, href].filter((value) => typeof value === 'string'))

describe('slack', () => {
  /** The limits of Block Kit's reference, and the undocumented one of a message. */
  function faults(document: Tree): string[] {
    const blocks = Array.isArray(document.blocks) ? document.blocks : []
    const long = (text: Json | undefined, max: number) => typeof text !== 'string' || text.length < 1 || text.length > max
    const found = [
      ...(blocks.length < 1 || blocks.length > 50 ? ['blocks'] : []),
      ...(JSON.stringify(document).length > 13_000 ? ['size'] : []),
      ...(long(document.text, 4_000) ? ['text'] : []),
    ]
    for (const object of objects(document)) {
      const text = objects(object.text ?? null)[0]?.text
      if (object.type === 'header' && long(text, 150)) found.push('header')
      if (object.type === 'section' && object.text !== undefined && long(text, 3_000)) found.push('section')
      if (object.type === 'section' && Array.isArray(object.fields)) {
        if (object.fields.length > 10 || objects(object.fields).some((field) => long(field.text, 2_000))) found.push('fields')
      }
      if (object.type === 'button' && (long(text, 75) || long(object.url, 3_000))) found.push('button')
      if (object.type === 'header' && objects(object.text ?? null)[0]?.type !== 'plain_text')
        found.push('header is no plain_text')
      if (typeof object.text === 'string' && /[<>]|&(?!amp;|lt;|gt;)/.test(object.text)) found.push('not escaped')
    }
    return found
  }

  it('stays within the limits, and escapes what it must, for every alert and group', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        expect(faults(parse(FORMATS.slack(alert, FULL_CONTEXT).body))).toEqual([])
      }),
      { numRuns: 200 },
    )
    for (const alert of HOSTILE_ALERTS) {
      expect(faults(parse(FORMATS.slack(alert, FULL_CONTEXT).body))).toEqual([])
      expect(faults(parse(render('slack', { type: 'group', group: groupOf([alert, ALERT]) }, FULL_CONTEXT).body))).toEqual([])
    }
    for (const group of [GROUP, MANY])
      expect(faults(parse(render('slack', { type: 'group', group }, FULL_CONTEXT).body))).toEqual([])
    expect(faults({ text: '<!channel>', blocks: [{ type: 'header', text: { type: 'mrkdwn', text: '' } }] })).toEqual([
      'not escaped',
      'header',
      'header is no plain_text',
    ])
  })

  it('keeps what strangers chose out of mark-up', () => {
    for (const value of HOSTILE)
      for (const object of objects(parse(FORMATS.slack(hostileAlert(value), FULL_CONTEXT).body)))
        if (object.type === 'mrkdwn') expect(object.text).toMatch(/^\*[A-Z][a-z ]+\*$/)
  })

  it('tells severity, facts, steps and links', () => {
    const document = parse(FORMATS.slack(WITH_RUNBOOK, FULL_CONTEXT).body)
    expect(document.text).toBe(`CRITICAL ${ALERT.title}`)
    expect(urls(document)).toEqual([`https://revenant.example.com/findings/${ALERT.finding.id}`, RUNBOOK])
    const texts = objects(document).flatMap(({ text }) => (typeof text === 'string' ? [text] : []))
    expect(texts).toContain('*Fingerprint*')
    expect(texts).toContain('hmac:5b2c0e6a91d3')
    expect(texts).toContain('1. Take LOGIN from the role.\n2. Look in the log.')
  })

  it('shows a group with the most severe first and counts the rest', () => {
    const sections = objects(parse(render('slack', { type: 'group', group: MANY }, FULL_CONTEXT).body)).filter(
      ({ type }) => type === 'section',
    )
    expect(JSON.stringify(sections[0])).toContain(ALERT.title)
    expect(JSON.stringify(sections.at(-1))).toMatch(/and \d+ more: revenant alerts list/)
  })
})

describe('teams', () => {
  const ELEMENTS: Record<string, string[]> = {
    RichTextBlock: ['type', 'inlines'],
    TextRun: ['type', 'text', 'size', 'weight', 'color', 'isSubtle', 'selectAction'],
    'Action.OpenUrl': ['type', 'title', 'url'],
    AdaptiveCard: ['$schema', 'type', 'version', 'msteams', 'body', 'actions'],
    message: ['type', 'attachments'],
  }

  /** Adaptive Cards 1.4: the elements that read no Markdown, with the properties that they have. */
  function faults(body: string): string[] {
    const found = Buffer.byteLength(body) > 28_000 ? ['size'] : []
    for (const object of objects(parse(body))) {
      if (typeof object.type !== 'string') continue
      const known = ELEMENTS[object.type]
      if (known === undefined) found.push(`${object.type} is not used`)
      else found.push(...Object.keys(object).filter((name) => !known.includes(name)))
    }
    return found
  }

  it('is a card of Adaptive Cards 1.4 in a message of its size, for every alert and group', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        expect(faults(FORMATS.teams(alert, FULL_CONTEXT).body)).toEqual([])
      }),
      { numRuns: 200 },
    )
    for (const alert of HOSTILE_ALERTS) expect(faults(FORMATS.teams(alert, FULL_CONTEXT).body)).toEqual([])
    for (const group of [GROUP, MANY]) {
      const { body } = render('teams', { type: 'group', group }, { ...FULL_CONTEXT, maxBytes: 100_000 })
      expect(faults(body)).toEqual([])
    }
    expect(faults('{"type":"TextBlock"}')).toEqual(['TextBlock is not used'])
  })

  it('is what a Workflows webhook takes', () => {
    const document = parse(FORMATS.teams(WITH_RUNBOOK, FULL_CONTEXT).body)
    expect(document).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: { type: 'AdaptiveCard', version: '1.4', actions: [{ type: 'Action.OpenUrl' }, { url: RUNBOOK }] },
        },
      ],
    })
  })
})

describe('pagerduty', () => {
  it.each([
    ['opened', 'trigger'],
    ['escalated', 'trigger'],
    ['reminded', 'trigger'],
    ['reopened', 'trigger'],
    ['resolved', 'resolve'],
  ] as const)('%s is %s of the same incident', (event, event_action) => {
    expect(parse(FORMATS.pagerduty({ ...ALERT, event }, FULL_CONTEXT).body)).toMatchObject({
      event_action,
      dedup_key: ALERT.dedupKey,
      payload: { severity: 'critical', source: 'payroll-db', class: 'residual_access', timestamp: ALERT.at },
    })
  })

  it('stays within the limits of Events v2, and leaves the routing key to the sink', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const document = parse(FORMATS.pagerduty(alert, FULL_CONTEXT).body)
        const payload = objects(document.payload ?? null)[0] ?? {}
        expect(document.routing_key).toBeUndefined()
        expect(String(payload.summary).length).toBeGreaterThan(0)
        expect(String(payload.summary).length).toBeLessThanOrEqual(1_024)
        expect(String(payload.source).length).toBeGreaterThan(0)
        expect(['critical', 'error', 'warning', 'info']).toContain(payload.severity)
        expect(String(document.dedup_key).length).toBeLessThanOrEqual(255)
      }),
      { numRuns: 200 },
    )
  })
})

describe.each(['slack', 'teams', 'mail', 'text'] as const)('%s', (name) => {
  it('has forty rows for a leaver with forty open doors', () => {
    const facts = { ...ALERT, frameworks: frameworksOf('residual_access') }
    const door = { ...facts, ...describeAlert(facts) }
    const group = groupOf([door, ...Array.from({ length: 39 }, () => door)])
    const { body, alternatives = [] } = render(name, { type: 'group', group }, FULL_CONTEXT)
    for (const part of [body, ...alternatives.map((alternative) => alternative.body)]) {
      expect(part.split('still gets into payroll-db').length - 1).toBe(40)
      expect(part).not.toMatch(/and \d+ more/)
    }
  })
})

describe.each(['slack', 'teams', 'pagerduty', 'mail'] as const)('links of %s', (name) => {
  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,x', 'https://user:secret@wiki.example.com/', 'no url'])(
    'none to %s',
    (runbook) => {
      const rendered = FORMATS[name]({ ...ALERT, system: { ...ALERT.system, runbook } }, FULL_CONTEXT)
      const linked =
        name === 'mail'
          ? [...(rendered.alternatives?.[0]?.body ?? '').matchAll(/href="([^"]*)"/g)].map((match) => match[1])
          : urls(parse(rendered.body)).filter((url) => url !== FULL_CONTEXT.publicUrl)
      expect(linked).toEqual([`https://revenant.example.com/findings/${ALERT.finding.id}`])
    },
  )
})

describe('mail', () => {
  /** The elements that a mail may have; anything else that opens with `<` came from a value. */
  const ELEMENT =
    /<!doctype html>|<\/?(?:html|head|body|title|h1|h2|p|ol|ul|li|b|code|div|table|tr|td)(?: (?:lang="en"|style="[^"<>]*"))*>|<meta (?:charset="utf-8"|name="[a-z-]+" content="light dark")>|<a href="https?:\/\/[^"<>]*">|<\/a>/g

  const html = (alert: Alert) => FORMATS.mail(alert, FULL_CONTEXT).alternatives?.[0]?.body ?? ''

  it('is text with the same as HTML, under one subject', () => {
    const { contentType, subject, body, alternatives } = FORMATS.mail(ALERT, FULL_CONTEXT)
    expect(contentType).toBe('text/plain; charset=utf-8')
    expect(subject).toBe(`[Revenant] CRITICAL ${ALERT.title}`)
    expect(body).toBe(FORMATS.text(ALERT, FULL_CONTEXT).body)
    expect(alternatives?.map((part) => part.contentType)).toEqual(['text/html; charset=utf-8'])
  })

  it('lets no value become mark-up, a header or a break of the subject', () => {
    const check = (alert: Alert) => {
      expect(html(alert).replace(ELEMENT, '')).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;|#39;)/)
      expect(FORMATS.mail(alert, FULL_CONTEXT).subject).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
    }
    fc.assert(fc.property(anyAlert, check), { numRuns: 200 })
    for (const alert of HOSTILE_ALERTS) check(alert)
    expect('<script>'.replace(ELEMENT, '')).toMatch(/[<>]/)
  })

  it('shows names as they are once entities are read back', () => {
    const read = (text: string) =>
      text.replace(
        /&(amp|lt|gt|quot|#39);/g,
        (entity) => ({ '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"' })[entity] ?? "'",
      )
    for (const value of HOSTILE) expect(read(html(hostileAlert(value)))).toContain(plain(value))
  })

  it('needs no network, no images, no scripts and no colours of its own to be read', () => {
    for (const text of [
      html(ALERT),
      render('mail', { type: 'group', group: GROUP }, FULL_CONTEXT).alternatives?.[0]?.body ?? '',
    ]) {
      expect(text).not.toMatch(/<(?:img|script|link|style|iframe)|url\(|src=|@import/i)
      expect(text).toContain('<meta name="color-scheme" content="light dark">')
      // Only the bar of the severity has colours; all else takes the reader's.
      expect(text.match(/(?:^|[;"])(?:background|color):/gm)?.length).toBe(2)
    }
  })

  it('lists a group, the most severe first, and says what is left out', () => {
    const { subject, body, alternatives } = render('mail', { type: 'group', group: MANY }, FULL_CONTEXT)
    expect(subject).toBe('[Revenant] CRITICAL 200 alerts: Jane Doe')
    expect(body.split('\n')[1]).toContain(ALERT.title)
    for (const part of [body, alternatives?.[0]?.body]) expect(part).toMatch(/and \d+ more/)
  })

  it('has a sign of life', () => {
    const { subject, body } = render('mail', { type: 'heartbeat', heartbeat: HEARTBEAT }, FULL_CONTEXT)
    expect(subject).toBe('[Revenant] Revenant is running: 10 open findings')
    expect(body).toContain('120 judged in time, 5 not judged, 1 overdue')
  })
})
