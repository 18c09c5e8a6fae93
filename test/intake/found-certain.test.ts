import { describe, expect, it } from 'vitest'
import { foundInText } from '../../src/intake/workstation/import-workstation.ts'
import { storeAt } from '../../src/intake/workstation/stores.ts'
import { told } from './told-store.ts'

const HUB = `GITHUB_TOKEN=ghp_${'a'.repeat(30)}`
const LAB = `GITLAB_TOKEN=glpat-${'a'.repeat(30)}`
const NPM = `NPM_TOKEN=npm_${'a'.repeat(36)}`
const DOCKER = 'DOCKER_USERNAME=anna\nDOCKER_PASSWORD=hunter22xyz'
const DOCKER_HUB = 'DOCKER_HUB_USERNAME=anna\nDOCKER_HUB_PASSWORD=hunter22xyz'

// A secret that was shown to the maker of a product cannot be taken back; one that is set aside can be imported by hand.
describe('a secret of .env without a place goes to no public service', () => {
  it.each<[string, string, string]>([
    ['GitLab', LAB, 'GIT_REPO=https://git.corp.example/a/b.git'],
    ['GitLab', LAB, 'REPO_URL=https://x.corp.example/a/b'],
    ['GitLab', LAB, 'GIT_REMOTE=https://x.corp.example/a/b'],
    ['GitLab', LAB, 'GIT_REPOSITORY=git@x.corp.example:a/b'],
    ['GitLab', LAB, 'CI_PROJECT_URL=https://x.corp.example/a/b'],
    ['GitLab', LAB, 'CI_REPOSITORY_URL=https://x.corp.example/a/b.git'],
    ['GitLab', LAB, 'CI_REGISTRY=r.corp.example'],
    ['GitLab', LAB, 'projectUrl=https://x.corp.example/a'],
    ['GitHub', HUB, 'GIT_REPO=https://x.corp.example/a/b.git'],
    ['GitHub', HUB, 'UPSTREAM=https://x.corp.example/a/b'],
    ['GitHub', HUB, 'DEPLOY_FROM=git@x.corp.example:a/b'],
    ['GitHub', HUB, 'DEPLOY_FROM=x.corp.example:a/b.git'],
    ['GitHub', HUB, 'DEPLOY_FROM=git+ssh://x.corp.example/a/b'],
    ['GitHub', HUB, 'DEPLOY_FROM=https://git.corp.example/a/b'],
    ['GitHub', HUB, 'GOPRIVATE=code.corp.example/*'],
    ['GitHub', HUB, 'COMMAND="clone https://github.com/a/b https://git.corp.example/c"'],
    ['GitHub', HUB, 'ARGS=--host=https://git.corp.example'],
    ['GitHub', HUB, 'GIT_REMOTE=x.corp.example'],
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: as files spell variables
    ['GitHub', HUB, 'GIT_REPO=${GIT_HOST}/a/b'],
    ['GitHub', HUB, 'GIT_REPO=git@${GIT_HOST}:a/b'],
    ['Docker Hub', DOCKER, 'IMAGE=${REGISTRY}/app:1'],
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above
    ['GitHub', HUB, 'SERVER_URL=https://x.corp.example'],
    ['GitHub', HUB, 'HOST=x.corp.example'],
    ['npm', NPM, 'REGISTRY_URL=https://npm.corp.example'],
    ['npm', NPM, 'REGISTRY=https://x.corp.example'],
    ['npm', NPM, 'PACKAGE_MIRROR=https://x.corp.example'],
    ['npm', NPM, 'PIP_INDEX_URL=https://nexus.corp.example/pypi'],
    ['npm', NPM, 'ARGS=--registry=https://npm.corp.example'],
    ['Docker Hub', DOCKER, 'IMAGE=registry.corp.example/team/app'],
    ['Docker Hub', DOCKER_HUB, 'IMAGE=registry.corp.example/team/app'],
    ['Docker Hub', DOCKER_HUB, 'IMAGE=x.corp.example/app'],
    ['Docker Hub', DOCKER_HUB, 'IMAGE=build:5000/app'],
    ['Docker Hub', DOCKER_HUB, 'IMAGE=10.1.2.3/app'],
    ['Docker Hub', DOCKER_HUB, 'APP=x.corp.example/team/app:1.2'],
    ['Docker Hub', DOCKER_HUB, 'BASE=ghcr.io/team/app'],
    ['Slack', 'BOT_TOKEN=xoxb-abcdefghijkl', 'SLACK_API=https://slack-gov.com/api'],
  ])('of %s: %s beside %s', async (_whose, secret, beside) => {
    expect(await told('.env', `${secret}\n${beside}\n`)).toEqual(['unclear'])
    expect(await told('.env', `${beside}\n${secret}\n`)).toEqual(['unclear'])
  })

  it.each<[string, string]>([
    [HUB, 'GIT_REPO=https://github.com/a/b.git'],
    [HUB, 'GIT_REPO=git@github.com:a/b.git'],
    [HUB, 'GIT_REPO=https://gitlab.com/a/b'],
    [HUB, 'GITLAB_URL=https://git.corp.example'],
    [HUB, 'GITHUB_REPOSITORY=acme/app'],
    [HUB, 'GIT_AUTHOR_EMAIL=anna@corp.example'],
    [HUB, 'DATABASE_URL=postgres://db.corp.example/app'],
    [HUB, 'APP_URL=https://app.corp.example'],
    [HUB, 'REPORT_URL=https://x.corp.example'],
    [HUB, 'DIGITALOCEAN_ENDPOINT=https://x.corp.example'],
    [HUB, 'HOST=0.0.0.0'],
    [HUB, 'DEPLOY_TO=deploy@x.corp.example:/var/www'],
    [LAB, 'GIT_REPO=https://github.com/a/b'],
    [LAB, 'CI_PROJECT_URL=https://gitlab.com/a/b'],
    [NPM, 'DOCKER_REGISTRY=r.corp.example'],
    [NPM, 'SCHEMA_REGISTRY_URL=http://x.corp.example'],
    [DOCKER_HUB, 'IMAGE=acme/app:1'],
    [DOCKER_HUB, 'IMAGE=docker.io/acme/app:1'],
    [DOCKER_HUB, 'NPM_CONFIG_REGISTRY=https://registry.npmjs.org/'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as files spell variables
    [DOCKER_HUB, 'IMAGE=${DOCKER_HUB_USERNAME}/app:1'],
    [DOCKER_HUB, 'CACHE=x.corp.example:6379'],
  ])('but of another or none: %s beside %s', async (secret, beside) => {
    expect(await told('.env', `${secret}\n${beside}\n`)).toEqual([expect.stringMatching(/ nowhere /)])
  })

  const PAIR = `{"token":"ghp_${'a'.repeat(30)}"}`
  it.each<[string, string, string[]]>([
    ['a host behind a colon', `GITHUB_HOST: git.corp.example\n${HUB}`, [`github git.corp.example:443 ${PAIR}`]],
    ['a secret behind one', `export ${HUB.replace('=', ':\t')} # mine`, [`github nowhere ${PAIR}`]],
    ['two hosts', `GITHUB_HOST: a.corp.example\nGITHUB_HOST=b.corp.example\n${HUB}`, ['unclear']],
    ['a colon without a blank', `GITHUB_HOST:git.corp.example\n${HUB}`, [`github nowhere ${PAIR}`]],
    ['a host on the line below', `GITHUB_HOST:\n  git.corp.example\n${HUB}`, ['unclear']],
    ['one in quotes on it', `GITHUB_HOST=\n\n"git.corp.example"\n${HUB}`, ['unclear']],
    ['a comment there', `GITHUB_HOST:\n# none\n${HUB}`, [`github nowhere ${PAIR}`]],
    ['nothing there', `GITHUB_HOST=\n${HUB}`, [`github nowhere ${PAIR}`]],
  ])('as dotenv reads it: %s', async (_what, text, expected) => {
    expect(await told('.env', `${text}\n`)).toEqual(expected)
  })

  it.each<[string, string[]]>([
    ['_authToken=abc\n@corp:registry=https://npm.corp.example/', ['unclear']],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: as files spell variables
    ['@corp:registry=${REGISTRY}\n_authToken=abc', ['unclear']],
    ['_authToken=abc\n@corp:registry=https://registry.npmjs.org/', ['npm registry.npmjs.org:443 {"token":"abc"}']],
    [
      '//npm.corp.example/:_authToken=abc\n@corp:registry=https://npm.corp.example/',
      ['npm npm.corp.example:443 {"token":"abc"}'],
    ],
  ])('nor one of .npmrc: %s', async (text, expected) => {
    expect(await told('.npmrc', `${text}\n`)).toEqual(expected)
  })
})

describe('a kubeconfig', () => {
  const clusters = `clusters:
- {name: c, cluster: {server: "https://h"}}
- {name: d, cluster: {server: "https://i"}}
`
  const contexts = (...all: readonly string[]) => `contexts: [${all.join(', ')}]\n`
  const both = contexts('{name: a, context: {cluster: c, user: u}}', '{name: b, context: {cluster: d, user: u}}')
  it.each<[string, string, string[]]>([
    ['two users of one name', `${both}users: [{name: u, user: {token: a}}, {name: u, user: {token: b}}]`, ['unclear', 'unclear']],
    [
      'one of them without a secret',
      `${both}users: [{name: u, user: {token: a}}, {name: u, user: {exec: {command: x}}}]`,
      ['unclear', 'elsewhere'],
    ],
    [
      'two contexts of one name',
      `${contexts('{name: a, context: {cluster: c, user: u}}', '{name: a, context: {cluster: d, user: v}}')}users: [{name: u, user: {token: a}}, {name: v, user: {token: b}}]`,
      ['unclear', 'unclear'],
    ],
    [
      'one context twice, and another user',
      `${contexts('{name: a, context: {cluster: c, user: u}}', '{name: a, context: {cluster: c, user: u}}', '{name: b, context: {cluster: d, user: v}}')}users: [{name: u, user: {token: a}}, {name: v, user: {token: b}}]`,
      ['web h:443 {"token":"a"}', 'web i:443 {"token":"b"}'],
    ],
  ])('with %s', async (_what, text, expected) => {
    expect(await told('.kube/config', `${clusters}${text}\n`)).toEqual(expected)
  })

  it.each<[string, string[]]>([
    ['! abcdef', ['web nowhere {"token":"abcdef"}']],
    ['! "abcdef"', ['web nowhere {"token":"abcdef"}']],
    ['!!str abcdef', ['web nowhere {"token":"abcdef"}']],
    ['"! abcdef"', ['web nowhere {"token":"! abcdef"}']],
    ['!<tag:yaml.org,2002:str> abcdef', ['web nowhere {"token":"abcdef"}']],
    ['!vault abcdef', ['unclear']],
    ['!vault', ['unclear']],
    ['!<tag:corp.example,2026:vault> abcdef', ['unclear']],
    ['!<x> abcdef', ['unclear']],
    ['!%41b abcdef', ['unclear']],
    ['!!binary YWJj', ['unclear']],
    ['!vault {path: abcdef}', ['unclear']],
    ['!vault [abcdef]', ['unclear']],
  ])('with a token %s', async (token, expected) => {
    expect(await told('.kube/config', `users: [{name: a, user: {token: ${token}}}]\n`)).toEqual(expected)
  })

  it('with a tag behind an alias', async () => {
    const text = 'users: [{name: a, user: {token: &x !vault abc}}, {name: b, user: {token: *x}}]\n'
    expect(await told('.kube/config', text)).toEqual(['unclear', 'unclear'])
  })
})

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: as files spell variables
describe('a secret that is what a variable is by default', () => {
  const VAULT = 'VAULT_ADDR=https://vault.corp.example\nVAULT_TOKEN='
  const TOKEN = `hvs.${'Hunter2'.repeat(4)}`
  it.each<[string, string, string]>([
    ['.env', `${VAULT}\${VAULT_TOKEN:-${TOKEN}}`, 'unclear'],
    ['.env', `${VAULT}"\${VAULT_TOKEN-${TOKEN}}"`, 'unclear'],
    ['.env', `${VAULT}\${VAULT_TOKEN:=${TOKEN}}`, 'unclear'],
    ['.env', `${VAULT}\${VAULT_TOKEN:+${TOKEN}}`, 'unclear'],
    ['.env', `${VAULT}'\${VAULT_TOKEN:-${TOKEN}}'`, 'unclear'],
    ['.env', `${VAULT}{{ token | default("${TOKEN}") }}`, 'unclear'],
    ['.env', `${VAULT}$(echo ${TOKEN})`, 'unclear'],
    ['.env', `${VAULT}Hunter2\${REST}`, 'unclear'],
    ['.env', 'DATABASE_URL=postgres://anna:${PGPASS:-Hunter2}@h/x', 'unclear'],
    ['.env', 'DATABASE_URL=${DATABASE_URL:-postgres://anna:Hunter2@h/x}', 'unclear'],
    ['.env', 'DATABASE_URL=${A:-${B:-"postgres://anna:Hunter2@h/x"}}', 'unclear'],
    ['.env', 'DATABASE_URL=${SCHEME}://anna:Hunter2@h/x', 'unclear'],
    ['.env', 'DATABASE_URL=postgres://anna:Hunter2@${HOST}/x', 'unclear'],
    ['.env', `X=\${X:-${TOKEN}}`, 'unclear'],
    ['.env', `X=https://ghp_${'Hunter2'.repeat(4)}:\${X}@github.com/a`, 'unclear'],
    ['.npmrc', `//registry.npmjs.org/:_authToken=\${NPM_TOKEN:-${TOKEN}}`, 'unclear'],
    ['.npmrc', `//registry.npmjs.org/:_authToken=\${NPM_TOKEN-${TOKEN}}`, 'unclear'],
    ['.npmrc', '//registry.npmjs.org/:_authToken=Hunter2${NPM_TOKEN}', 'unclear'],
    ['.pgpass', 'h:5432:*:anna:${PGPASS\\:-Hunter2}', 'unclear'],
    ['.env', `${VAULT}\${VAULT_TOKEN}`, 'elsewhere'],
    ['.env', `${VAULT}$VAULT_TOKEN`, 'elsewhere'],
    ['.env', `${VAULT}{{ vault_token }}`, 'elsewhere'],
    ['.env', 'DATABASE_URL=postgres://anna:${PGPASS}@h/x', 'elsewhere'],
    ['.npmrc', '//registry.npmjs.org/:_authToken=${NPM_TOKEN}', 'elsewhere'],
  ])('%s: %s is %s, and not quoted', async (path, text, reason) => {
    const store = storeAt(`home/${path}`)
    const found = store === undefined ? [] : await foundInText(store, path, `\n${text}\n`)
    expect(found).toEqual([expect.objectContaining({ reason, line: expect.any(Number), file: path })])
    expect(JSON.stringify(found)).not.toContain('Hunter2')
  })

  it.each(['X=${Y:-https://app.corp.example}', 'X=${Y}/z', 'X=postgres://${USER}:${PASS}@h/x', 'X=${Y}://${USER}:${PASS}@h/x'])(
    '%s holds none',
    async (text) => {
      expect((await told('.env', `${text}\n`)).filter((each) => each !== 'elsewhere')).toEqual([])
    },
  )
})

describe('what stands where a password would', () => {
  it.each<[string, string[]]>([
    [
      'elsewhere',
      ['/run/secrets/pg', '/etc/pg.pass', '~/.pgpass', '$HOME/.token', '%USERPROFILE%\\token', 'C:\\Users\\anna\\token'],
    ],
    ['elsewhere', ['%env(PG)%', 'env(PG)', "env('PG')", '$env:PG', 'process.env.PG', "os.environ['PG']", '<%= ENV["PG"] %>']],
    ['elsewhere', ['${PG}', '{{ pg }}', '${{ secrets.PG }}', '$(cat /run/pg)', '$(pass show pg)', '$(op read op://a/b/c)']],
    ['elsewhere', ['{{resolve:secretsmanager:pg:SecretString:p}}', 'ref+awsssm://pg', 'projects/1/locations/eu/secrets/pg']],
    ['elsewhere', ['ocid1.vaultsecret.oc1.iad.abc', 'file:///run/secrets/pg']],
    [
      'unclear',
      ['%env(default:abc:PG)%', "env('PG', 'abc')", 'process.env.PG || "abc"', '${PG:-abc}', '{{ pg | default("abc") }}'],
    ],
    ['unclear', ['$(echo abc)', '$pg', '%PG%', '%%PG%%', '%(pg)s', '@format {this.PG}', '{password}', '«password»', 'a${PG}b']],
    [
      'unclear',
      ['YOUR_PASSWORD_HERE', 'your-token-here', 'insert_your_api_key', '<your password>', 'ghp_your_token', 'PASSWORD_HERE'],
    ],
    ['unclear', ['REPLACE_ME', 'replace-with-token', 'TODO', 'undefined', 'to be set', '[FILTERED]', '__TOKEN__']],
    ['unclear', ['xxxxxxxxxxxx', 'XXXX-XXXX', 'ghp_xxxxxxxxxxxx', 'glpat-xxxxxxxx', 'xoxb-xxxx-xxxx', '•••••']],
    [
      'unclear',
      ['md5a3556571e93b0d20722ba62be61e8c2d', 'SCRAM-SHA-256$4096:abc$d:e', '$2b$10$abc', '{SSHA}abc', '$argon2id$v=19$abc'],
    ],
    ['unclear', ['*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19', 'pbkdf2_sha256$600000$a$b', 'scrypt:32768:8:1$a$b', '$P$Babc']],
    ['unclear', [`sha256:${'0a'.repeat(32)}`, `gAAAAA${'a'.repeat(100)}==`, 'EJ[1:abc]', 'U2FsdGVkX1abc']],
    ['unclear', ['./token', '/aB3/xY9', 'ssm:/pg', 'akv:pg', '!<tag:corp.example,2026:vault> pg', '!vault pg']],
    ['altered', ['********', '<redacted>', 'abc...']],
  ])('is %s: %j', async (reason, texts) => {
    for (const text of texts) {
      const content = JSON.stringify({ auths: { h: { username: 'anna', password: text } } })
      expect([text, ...(await told('.docker/config.json', content))]).toEqual([text, reason])
    }
  })

  it.each([
    ...[
      'changeme',
      'password',
      'secret',
      'example',
      'Passw0rd!',
      'your-mom',
      'get-out-of-here',
      '/aB3xY',
      'a/b',
      '!important',
      'x',
    ],
    ...['!Passw0rd{x}', '#1!', 'md5-abc', 'exxon', 'p{a}ss', 'env', '100%safe', '$', 'a$2b$c', '1password', 'here'],
  ])('may be one: %s', async (text) => {
    const content = JSON.stringify({ auths: { h: { username: 'anna', password: text } } })
    expect(await told('.docker/config.json', content)).toEqual([
      `docker-registry|docker-hub h:443 ${JSON.stringify({ username: 'anna', password: text })}`,
    ])
  })

  // Whoever runs a database or a Vault may choose the word; GitLab, Okta and others give tokens out.
  it.each<[string, string[]]>([
    [
      'POSTGRES_HOST=h\nPOSTGRES_USER=anna\nPOSTGRES_PASSWORD=changeme',
      ['postgres h:5432 {"password":"changeme","username":"anna"}'],
    ],
    ['VAULT_ADDR=https://h\nVAULT_TOKEN=changeme', ['vault h:443 {"token":"changeme"}']],
    ['GITLAB_TOKEN=changeme', ['unclear']],
    ['OKTA_ORG_URL=https://acme.okta.com\nOKTA_API_TOKEN=my-api-token', ['unclear']],
    ['CLOUDFLARE_API_TOKEN=secret', ['unclear']],
    ['POSTGRES_HOST=h\nPOSTGRES_USER=your-user\nPOSTGRES_PASSWORD=abc', ['unclear']],
    ['POSTGRES_HOST=your-host-here\nPOSTGRES_USER=anna\nPOSTGRES_PASSWORD=abc', ['unclear']],
    ['VAULT_ADDR=https://h\nVAULT_TOKEN=your-token-here', ['unclear']],
    ['VAULT_ADDR=https://h\nVAULT_TOKEN=/run/secrets/vault', ['elsewhere']],
  ])('in .env: %s', async (text, expected) => {
    expect(await told('.env', `${text}\n`)).toEqual(expected)
  })
})
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above
