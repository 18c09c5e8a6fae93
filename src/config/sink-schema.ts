import { z } from 'zod'
import { FINDING_KINDS, SEVERITIES } from '../domain/finding.ts'
import { line, name, reference } from './scalar.ts'

/** One receiver of alerts. Further keys are the sink's own. */
export const sinkSchema = z
  .looseObject({
    name: name().describe('Unique. What commands and delivery lists call the receiver.'),
    sink: line().describe('How alerts travel: webhook, syslog, stdout.'),
    format: line().default('json').describe('What alerts look like: json, ocsf, text.'),
    to: line().exactOptional().describe('Where to: a URL, whose form the sink decides; or a reference to one.'),
    secret: reference().exactOptional().describe('What signs or authenticates the delivery: a reference.'),
    minSeverity: z.enum(SEVERITIES).default('low').describe('Findings under this severity are not sent here.'),
    kinds: z
      .array(z.enum(FINDING_KINDS))
      .min(1, { error: 'must name at least one kind, or be left out for all' })
      .exactOptional()
      .describe('Only findings of these kinds; left out: all.'),
  })
  .transform(({ name, sink, format, to, secret, minSeverity, kinds, ...options }) => ({
    name,
    sink,
    format,
    ...(to === undefined ? {} : { to }),
    ...(secret === undefined ? {} : { secret }),
    minSeverity,
    ...(kinds === undefined ? {} : { kinds }),
    options,
  }))
