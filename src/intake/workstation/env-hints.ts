/** What one variable says of a place. */
export interface NamedPlace {
  /** As `plainName` spells it. */
  name: string
  /** Undefined: it names one that cannot be read. */
  host: string | undefined
  /** What its form tells of it, whatever the name: an address that git takes, an image with the registry that it is of. */
  form?: 'git' | 'image'
}

/** What tells that a place may be a server of a family. */
interface Hint {
  names: RegExp
  hosts: RegExp
  form?: NamedPlace['form']
  /** Another family's place, by a name or a host that is known for it. */
  others?: { names: RegExp; hosts: RegExp }
  /** Nobody else runs it, so that a name without any word of its own tells nothing. */
  isMakersOnly?: true
}

const FORGE_NAMES = /(?:^|_)GIT|REPO(?!RT)|PROJECT|REMOTE|UPSTREAM|FORGE|CLONE|(?:^|_)(?:GHE?|GL|VCS|SCM|SRC|SOURCE|CODE)(?:_|$)/
const FORGE_HOSTS = /(?:^|[.-])git|git(?:[.-]|$)|(?:^|[.-])(?:ghe?|gl|vcs|scm|code|src|source|repos?|forge)(?:[.-]|$)/
const OTHER_FORGES = 'bitbucket|gitea|gogs|forgejo|codeberg'

/**
 * By the kind of probe, for families that others than their makers run: words of names and of hosts under which their servers stand. In
 * doubt a word is here: a secret that is set aside can be imported by hand, and one that was shown to a stranger cannot be taken back.
 */
const HINTS: Readonly<Record<string, Hint>> = {
  github: {
    names: FORGE_NAMES,
    hosts: FORGE_HOSTS,
    form: 'git',
    others: {
      names: new RegExp(`GITLAB|(?:^|_)GL_|${OTHER_FORGES}`, 'i'),
      hosts: new RegExp(`gitlab|${OTHER_FORGES}|(?:dev\\.azure|visualstudio)\\.com$`),
    },
  },
  gitlab: {
    names: new RegExp(`${FORGE_NAMES.source}|(?:^|_)CI_`),
    hosts: FORGE_HOSTS,
    form: 'git',
    others: {
      names: new RegExp(`GITHUB|(?:^|_)GHE?_|${OTHER_FORGES}`, 'i'),
      hosts: new RegExp(`github|${OTHER_FORGES}|(?:dev\\.azure|visualstudio)\\.com$`),
    },
  },
  npm: {
    names:
      /^(?!.*(?:DOCKER|IMAGE|CONTAINER|SCHEMA)).*(?:NPM|YARN|REGISTR(?:Y|IES)|PACKAGE|NEXUS|ARTIFACT|VERDACCIO|JFROG|PROGET|(?:^|_)(?:BUN|PKGS?|FEEDS?)(?:_|$))/,
    hosts: /npm|nexus|artifact|verdaccio|jfrog|proget|(?:^|[.-])(?:pkgs?|packages?|feeds?)(?:[.-]|$)/,
  },
  'docker-hub': {
    names:
      /^(?!.*(?:NPM|YARN|SCHEMA|PYPI|(?:^|_)GIT)).*(?:DOCKER|REGISTR(?:Y|IES)|IMAGE|CONTAINER|HARBOR|QUAY|NEXUS|ARTIFACT|JFROG|REPO(?!RT)|(?:^|_)(?:OCI|CR|ECR|GCR|ACR|GAR|GHCR)(?:_|$))/,
    hosts:
      /registry|docker|harbor|quay|nexus|artifact|jfrog|(?:^|[.-])(?:ghcr|cr|oci|ecr|gcr|acr|mcr|images?|containers?)(?:[.-]|$)/,
    form: 'image',
    others: { names: /(?!)/, hosts: /npm|yarnpkg\.com$/ },
  },
  slack: { names: /SLACK/, hosts: /slack/, isMakersOnly: true },
}

/** `SERVER_URL`, `HOST`: of anything, and so of any service that others run. */
const ANYBODYS = /^(?:(?:SERVER|HOST|HOSTNAME|INSTANCE|ENDPOINT|BASE|API|ROOT|URL|URI|ADDR|ADDRESS|DOMAIN|FQDN)(?:_|$))+$/
/** Where a program listens, and a name for the machine itself. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|::1?)$/

/** Whether a place that is not the maker's may be a server of a family. */
export function mayBeServer(kind: string, { name, host, form }: NamedPlace): boolean {
  const hint = Object.hasOwn(HINTS, kind) ? HINTS[kind] : undefined
  if (hint === undefined) return false
  const { names, hosts, others } = hint
  if (others?.names.test(name) === true || (host !== undefined && others?.hosts.test(host) === true)) return false
  if (names.test(name) || (form !== undefined && hint.form === form)) return true
  if (host !== undefined && hosts.test(host)) return true
  return hint.isMakersOnly !== true && ANYBODYS.test(name) && (host === undefined || !LOOPBACK.test(host))
}
