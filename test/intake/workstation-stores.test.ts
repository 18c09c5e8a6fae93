import { describe, expect, it } from 'vitest'
import { openBox } from '../../src/custody/box.ts'
import { isAside } from '../../src/intake/found/candidate.ts'
import { foundInText } from '../../src/intake/workstation/import-workstation.ts'
import { MAX_STORE_BYTES } from '../../src/intake/workstation/read-store.ts'
import { readSshConfig } from '../../src/intake/workstation/ssh-config.ts'
import { atHosts } from '../../src/intake/workstation/ssh-folder.ts'
import { storeAt } from '../../src/intake/workstation/stores.ts'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { told } from './told-store.ts'

const HUB = `ghp_${'a'.repeat(30)}`
const LAB = `glpat-${'a'.repeat(30)}`
const base64 = (text: string) => Buffer.from(text).toString('base64')

/** Of a configuration without its folder. */
const sshHosts = (text: string) => readSshConfig({ file: '.ssh/config', text }, async () => [{ why: 'is not here' }])

// What stands there is what is imported, or nothing is: a wrong secret is refused, and looks like a door that is closed.
describe('a value of .env', () => {
  it.each<[string, string, string]>([
    ['plain', 'abc.D-e_f/g+h=', 'abc.D-e_f/g+h='],
    ['in double quotes', '"a b#c;d\'e"', "a b#c;d'e"],
    ['in single quotes', `'a b#c"d\\x$ e$'`, 'a b#c"d\\x$ e$'],
    ['with a comment behind the quotes', '"abc" # mine', 'abc'],
    ['of two lines', '"ab\ncd"', 'ab\ncd'],
    ['with a comment behind a blank', 'abc # note', 'abc'],
    ['with a comment that has quotes', 'abc\t#it\'s "b"', 'abc'],
  ])('%s is read', async (_what, spelt, value) => {
    expect(await told('.env', `X=1\nACME_TOKEN=${spelt}\nY=2\n`)).toEqual([` nowhere ${JSON.stringify({ token: value })}`])
  })

  it.each<[string, string]>([
    ['a line break that only some make of it', '"abc\\ndef"'],
    ['an escaped quote', '"abc\\"def"'],
    ['an escaped backslash', '"abc\\\\def"'],
    ['an escaped dollar sign', '"abc\\$def"'],
    ['a backslash without quotes', 'abc\\def'],
    ['an escaped quote in single ones', "'abc\\'def'"],
    ['a doubled backslash in single ones', "'abc\\\\def'"],
    ['a variable in double quotes', '"abc$def"'],
    ['a variable without quotes', 'abc$def'],
    ['a process id', 'abc$$def'],
    ['what some take for a variable even in single quotes', "'abc$def'"],
    ['a whole one there', "'$def'"],
    ['a command', '"abc`id`"'],
    ['backticks for quotes', '`abc`'],
    ['an inner quote', 'abc"def'],
    ['a part in quotes', 'abc"def"'],
    ['what follows a quote', '"abc"def'],
    ['another behind it', "'abc''def'"],
    ['a quote in quotes', '"abc"def"'],
    ['a comment right behind the quotes', '"abc"#def'],
    ['a quote that is not closed', '"abc'],
    ['blanks', 'abc def'],
    ['a command behind it', 'abc; export B=x'],
    ['a semicolon', 'abc;'],
    ['a blank that is none to a shell', 'abc\u00a0'],
  ])('with %s is not clear', async (_what, spelt) => {
    expect(await told('.env', `ACME_TOKEN=${spelt}\n`)).toEqual(['unclear'])
  })

  it('of two lines that end with a carriage return is not clear', async () => {
    expect(await told('.env', 'ACME_TOKEN="ab\r\ncd"\r\n')).toEqual(['unclear'])
  })
})

// Sent as they stand these would be refused, and look like a door that is closed.
describe('what only stands for a secret', () => {
  it.each<[string, string]>([
    ['op://Private/gitlab/token', 'elsewhere'],
    ['ref+vault://secret/gitlab#/token', 'elsewhere'],
    ['secretref+awsssm://a/b', 'elsewhere'],
    ['vault:secret/data/x#token', 'elsewhere'],
    ['secret://x/y', 'elsewhere'],
    ['arn:aws:secretsmanager:eu-west-1:1:secret:x', 'elsewhere'],
    ['keyring:gitlab', 'elsewhere'],
    ['gcp-sm://x/y', 'elsewhere'],
    ['akv://x/y', 'elsewhere'],
    ['@Microsoft.KeyVault(SecretUri=https://x.vault.azure.net/secrets/y)', 'elsewhere'],
    ['projects/1/secrets/x/versions/latest', 'elsewhere'],
    ['{{ gitlab_token }}', 'elsewhere'],
    ['$(cat /run/token)', 'elsewhere'],
    ['unknown-store://x/y', 'unclear'],
    ['encrypted:BDb7t3QkTRp2yNQw8Bvk', 'unclear'],
    ['ENC[AES256_GCM,data:abc,iv:abc,tag:x,type:str]', 'unclear'],
    ['ENC(abc)', 'unclear'],
    ['{cipher}0123', 'unclear'],
    ['vault:v1:abc', 'unclear'],
    ['$ANSIBLE_VAULT;1.1;AES256', 'unclear'],
    ['!vault |', 'unclear'],
    ['<your-token>', 'unclear'],
    ['__TOKEN__', 'unclear'],
    ['$6$salt$hash', 'unclear'],
    ['azure:main', 'unclear'],
  ])('%s is %s in every store', async (text, reason) => {
    for (const [path, content] of [
      ['.vault-token', text],
      ['.docker/config.json', JSON.stringify({ auths: { h: { username: 'a', password: text } } })],
      ['.kube/config', `users: [{name: a, user: {token: ${JSON.stringify(text)}}}]\n`],
      ['.pgpass', `h:5432:*:a:${text.replaceAll(/[\\:]/g, '\\$&')}\n`],
    ] as const)
      expect([path, ...(await told(path, content))]).toEqual([path, reason])
    for (const [path, content] of [
      ['.npmrc', `//registry.npmjs.org/:_authToken=${text}`],
      ['.env', `OKTA_TOKEN='${text}'\nOKTA_ORG_URL=https://acme.okta.com`],
    ] as const) {
      const [only, ...more] = await told(path, content)
      expect([more, only === 'elsewhere' || only === 'unclear']).toEqual([[], true])
    }
  })

  it.each<[string, string, string[]]>([
    ['a name', '.env', ['PGPASSWORD=abc\nPGHOST=h\nPGUSER=op://a/b/c', 'unclear']],
    ['a name', '.docker/config.json', ['{"auths":{"h":{"username":"op://a/b/c","password":"b"}}}', 'elsewhere']],
    [
      "a registry's user",
      '.docker/config.json',
      [
        '{"auths":{"h":{"username":"$oauthtoken","password":"b"}}}',
        'docker-registry|docker-hub h:443 {"username":"$oauthtoken","password":"b"}',
      ],
    ],
    [
      "PyPI's user",
      '.pypirc',
      [
        '[pypi]\nusername = __token__\npassword = pypi-abc',
        'web upload.pypi.org:443 {"username":"__token__","password":"pypi-abc","token":"pypi-abc"}',
      ],
    ],
    ['a tag of YAML', '.kube/config', ['users: [{name: a, user: {token: !secret my_token}}]', 'unclear']],
    [
      'a password that only begins so',
      '.pgpass',
      ['h:5432:*:a:!Passw0rd{x}', 'postgres h:5432 {"username":"a","password":"!Passw0rd{x}"}'],
    ],
  ])('%s in %s', async (_what, path, [content = '', ...expected]) => {
    expect(await told(path, content)).toEqual(expected)
  })
})

describe('an address of .env', () => {
  const PAIR = '{"username":"app","password":"abc"}'
  it.each<[string, string, string[]]>([
    ['a slash in the password', 'amqp://app:pa/ss@rabbit:5672', ['unclear']],
    ['a slash behind digits', 'amqp://app:12/ss@rabbit:5672', ['unclear']],
    ['a number sign', 'amqp://app:12#ss@rabbit:5672', ['unclear']],
    ['a slash, by https', 'https://app:pa/ss@proxy.example.com', ['unclear']],
    ['two hosts', 'mongodb://app:abc@m1:27017,m2:27017/db', ['unclear']],
    ['two hosts of PostgreSQL', 'postgres://app:abc@m1:5432,m2:5432/db', ['unclear']],
    ['no user', 'postgres://:abc@m1/db', ['unclear']],
    ['a password in the query', 'jdbc:postgresql://h/db?user=a&password=abc', ['unclear']],
    ['a password in the query', 'postgresql://h/db?user=a&password=abc', ['unclear']],
    ['a driver', 'postgresql+psycopg2://app:abc@db.example.com/x', [`postgres db.example.com:5432 ${PAIR}`]],
    ['another', 'postgresql+asyncpg://app:abc@db.example.com:6432/x', [`postgres db.example.com:6432 ${PAIR}`]],
    ['a token for a name', `https://${HUB}@ghe.example.com/x.git`, [`github ghe.example.com:443 {"token":"${HUB}"}`]],
    ['no password, and a scope', 'https://npm.example.com:8443/@acme/x', []],
    ['no password, and an address in the query', 'http://localhost:8080/?mail=a@b.c', []],
  ])('with %s: %s', async (_what, text, expected) => {
    expect(await told('.env', `A=1\nX_URL="${text}"\n`)).toEqual(expected)
  })
})

describe('what stands beside a secret in .env', () => {
  it.each<[string, string, string[]]>([
    ['no host', `GITHUB_TOKEN=${HUB}`, [`github nowhere {"token":"${HUB}"}`]],
    ['its host', `GITHUB_TOKEN=${HUB}\nGITHUB_HOST=ghe.example.com`, [`github ghe.example.com:443 {"token":"${HUB}"}`]],
    ['a host that is none', `GITHUB_TOKEN=${HUB}\nGITHUB_HOST=a b`, ['unclear']],
    ['a host with a variable', `GITLAB_TOKEN=${LAB}\nGITLAB_URL=https://\${HOST}`, ['unclear']],
    ['a host with a comment', `GITLAB_TOKEN=${LAB}\nGITLAB_HOST=git.example.com#x`, ['unclear']],
    ['the host of another tool', `GITHUB_TOKEN=${HUB}\nGH_HOST=ghe.example.com`, ['unclear']],
    ["another tool's, which is the maker's", `GITHUB_TOKEN=${HUB}\nGH_HOST=github.com`, [`github nowhere {"token":"${HUB}"}`]],
    ['a server that gh does not show its token', `GH_TOKEN=${HUB}\nGH_HOST=ghe.example.com`, ['unclear']],
    ['a tenant that it does', `GH_TOKEN=${HUB}\nGH_HOST=acme.ghe.com`, [`github acme.ghe.com:443 {"token":"${HUB}"}`]],
    ['an enterprise token without its host', `GH_ENTERPRISE_TOKEN=${HUB}`, ['unclear']],
    ['another', `GITHUB_ENTERPRISE_TOKEN=${HUB}`, ['unclear']],
    [
      'an enterprise token with its host',
      `GH_ENTERPRISE_TOKEN=${HUB}\nGH_HOST=ghe.example.com`,
      [`github ghe.example.com:443 {"token":"${HUB}"}`],
    ],
    [
      'a name and its API',
      `GITHUB_TOKEN=${HUB}\nGITHUB_HOST=github.com\nGITHUB_API_URL=https://api.github.com`,
      [`github github.com:443 {"token":"${HUB}"}`],
    ],
    ['two hosts by two names', `GITLAB_TOKEN=${LAB}\nGITLAB_HOST=a.example.com\nGITLAB_URL=https://b.example.com`, ['unclear']],
    ['two hosts by one', `GITLAB_TOKEN=${LAB}\nGITLAB_HOST=a.example.com\nGITLAB_HOST=b.example.com`, ['unclear']],
    [
      'one host twice',
      `VAULT_TOKEN=abc\nVAULT_ADDR=https://v.example.com\nVAULT_ADDR=https://v.example.com`,
      ['vault v.example.com:443 {"token":"abc"}'],
    ],
    [
      'a token of another service',
      `NPM_TOKEN=${LAB}\nNPM_REGISTRY=https://git.example.com/npm`,
      [`gitlab git.example.com:443 {"token":"${LAB}"}`],
    ],
    [
      'a token by its prefix, and its server',
      `ACME_GITLAB_TOKEN=${LAB}\nACME_GITLAB_URL=https://git.example.com`,
      [`gitlab git.example.com:443 {"token":"${LAB}"}`],
    ],
    ["a token by its prefix, and an application's address", `APP_TOKEN=${HUB}\nAPP_URL=https://app.example.com`, ['unclear']],
    [
      'a token by its prefix, and an address of another one',
      `BOT_TOKEN=${HUB}\nAPP_URL=https://app.example.com`,
      [`github nowhere {"token":"${HUB}"}`],
    ],
    [
      'a password that is a token',
      `GIT_PASSWORD=${HUB}\nGIT_HOST=ghe.example.com`,
      [`github ghe.example.com:443 {"token":"${HUB}"}`],
    ],
    ['a remote', `GIT_PASSWORD=${HUB}\nGIT_REMOTE=git@ghe.example.com:a/b.git`, ['unclear']],
    ["the maker's", `GIT_PASSWORD=${HUB}\nGIT_REMOTE=git@github.com:a/b.git`, [`github nowhere {"token":"${HUB}"}`]],
    ['a registry by the prefix itself', `CI_REGISTRY_PASSWORD=${LAB}\nCI_REGISTRY=r.example.com`, ['unclear']],
    ['an address under its prefix', `VCS_TOKEN=${HUB}\nVCS_URL=https://ghe.example.com`, ['unclear']],
    ['one in another case', `gitToken=${HUB}\ngitHost=ghe.example.com`, ['unclear']],
    ['one of two words in one', `vcsToken=${HUB}\nvcsUrl=https://x.example.com`, ['unclear']],
    ['one without a prefix', `TOKEN=${HUB}\nHOST=ghe.example.com`, ['unclear']],
    ['a secret in the midst of the name', `VCS_TOKEN_CI=${HUB}\nVCS_BASE_URL=https://x.example.com`, ['unclear']],
    ["a host with the service's name", `BOT_TOKEN=${HUB}\nUPSTREAM=https://github.example.com/x`, ['unclear']],
    ['a path on it that no name tells', `GITHUB_TOKEN=${HUB}\nGITHUB_GRAPHQL=https://ghe.example.com/graphql`, ['unclear']],
    [
      'an address of its application',
      `GITHUB_TOKEN=${HUB}\nGITHUB_CALLBACK_URL=https://a.example.com/x`,
      [`github nowhere {"token":"${HUB}"}`],
    ],
    ["an image of somebody's registry", 'DOCKER_PASSWORD=abc\nDOCKER_USERNAME=a\nDOCKER_IMAGE=r.example.com/x', ['unclear']],
    [
      'a name of Docker Hub',
      'DOCKERHUB_USERNAME=anna\nDOCKERHUB_TOKEN=abc',
      ['docker-hub nowhere {"password":"abc","username":"anna"}'],
    ],
    [
      'a token by its prefix, and a server by another name',
      `BOT_TOKEN=${LAB}\nCI_SERVER_URL=https://git.example.com`,
      ['unclear'],
    ],
    [
      'a registry',
      'REGISTRY_PASSWORD=abc\nREGISTRY_USER=anna\nREGISTRY_HOST=r.example.com',
      ['docker-registry|docker-hub r.example.com:443 {"password":"abc","username":"anna"}'],
    ],
    [
      'a registry that nobody names',
      'REGISTRY_PASSWORD=abc\nREGISTRY_USER=anna',
      ['docker-registry nowhere {"password":"abc","username":"anna"}'],
    ],
    ['a registry by another name', 'DOCKER_PASSWORD=abc\nDOCKER_USERNAME=anna\nREGISTRY_HOST=r.example.com', ['unclear']],
    [
      'where the daemon listens',
      'DOCKER_PASSWORD=abc\nDOCKER_USERNAME=anna\nDOCKER_HOST=tcp://d.example.com',
      ['docker-registry|docker-hub nowhere {"password":"abc","username":"anna"}'],
    ],
    [
      'a host and a user of their own',
      'PGPASSWORD=abc\nPGUSER=anna\nPGHOST=db.example.com\nPGPORT=6543',
      ['postgres db.example.com:6543 {"password":"abc","username":"anna"}'],
    ],
    [
      "another database's host and user",
      'POSTGRES_PASSWORD=abc\nPGHOST=db.example.com\nPGUSER=anna',
      ['postgres nowhere {"password":"abc"}'],
    ],
    ['several hosts', 'PGPASSWORD=abc\nPGUSER=anna\nPGHOST=a.example.com,b.example.com', ['unclear']],
    ['a host behind an account', 'PGPASSWORD=abc\nPGUSER=anna\nPGHOST=x@b.example.com', ['unclear']],
    ['a port that is none', 'PGPASSWORD=abc\nPGUSER=anna\nPGHOST=a.example.com\nPGPORT=x', ['unclear']],
    ['two users', 'PGPASSWORD=abc\nPGUSER=anna\nPGUSER=bob\nPGHOST=a.example.com', ['unclear']],
    ['two passwords of one host', 'PGPASSWORD=abc\nPGPASSWORD=def\nPGUSER=anna\nPGHOST=a.example.com', ['unclear', 'unclear']],
    [
      'two tokens of their own',
      `GITHUB_TOKEN=${HUB}\nGITHUB_TOKEN=${HUB}b`,
      [`github nowhere {"token":"${HUB}"}`, `github nowhere {"token":"${HUB}b"}`],
    ],
    [
      "another product's address and account",
      'ATLASSIAN_TOKEN=abc\nJIRA_URL=https://acme.atlassian.net\nJIRA_EMAIL=a@example.com',
      ['jira nowhere {"token":"abc"}'],
    ],
    [
      'its own',
      'JIRA_TOKEN=abc\nJIRA_URL=https://acme.atlassian.net\nJIRA_EMAIL=a@example.com\nJIRA_USER=anna',
      ['jira acme.atlassian.net:443 {"token":"abc","email":"a@example.com"}'],
    ],
    [
      "another account's key",
      'DD_API_KEY=abc\nDATADOG_APP_KEY=def',
      ['datadog nowhere {"apiKey":"abc"}', 'datadog nowhere {"applicationKey":"def"}'],
    ],
    ['an address that libpq takes the host out of', 'X=postgres://anna:abc@a.example.com/x?host=b.example.com', ['unclear']],
  ])('%s', async (_what, text, expected) => {
    expect(await told('.env', `${text}\n`)).toEqual(expected)
  })
})

describe('other stores', () => {
  it.each<[string, string, string, string[]]>([
    ['quotes of .netrc', '.netrc', 'machine h login a password "b \\" c"', ['web h {"username":"a","password":"b \\" c"}']],
    ['a backslash without them', '.netrc', 'machine h login a password b\\c', ['unclear']],
    ['a line break to some', '.netrc', 'machine h login a password "b\\nc"', ['unclear']],
    [
      'a backslash before a letter',
      '.netrc',
      'machine h login a password "b\\\\nc"',
      ['web h {"username":"a","password":"b\\\\nc"}'],
    ],
    ['what follows a quote', '.netrc', 'machine h login a password "b"c', ['unclear']],
    ['a quote that is not closed', '.netrc', 'machine h login a password "b', ['unclear']],
    ['two passwords of one machine', '.netrc', 'machine h login a password b password c', ['unclear']],
    [
      'words for passwords',
      '.netrc',
      'machine h login login password password machine i login macdef password #',
      ['web h {"username":"login","password":"password"}', 'web i {"username":"macdef","password":"#"}'],
    ],
    ['a password of nobody', '.netrc', 'machine h password b', ['web h {"password":"b"}']],
    [
      'a token of the registry that is set',
      '.npmrc',
      'registry=https://npm.example.com/\n_authToken=abc',
      ['npm npm.example.com:443 {"token":"abc"}'],
    ],
    ['a token of the public one', '.npmrc', '_authToken=abc', ['npm registry.npmjs.org:443 {"token":"abc"}']],
    ['a registry that is a variable', '.npmrc', `//\${HOST}/:_authToken=abc`, ['unclear']],
    ['a registry that is no address', '.npmrc', '//a,b/:_authToken=abc', ['unclear']],
    ['two users of a registry', '.npmrc', '//h/:username=a\n//h/:username=b\n//h/:_password=eA==', ['unclear']],
    ['a password that is no Base64', '.npmrc', '//h/:username=a\n//h/:_password=a,b', ['unreadable']],
    [
      'an index',
      '.pypirc',
      '[x]\nrepository: https://h/y?z=1\nusername: a\npassword: b',
      ['web h:443 {"username":"a","password":"b"}'],
    ],
    [
      "another address of PyPI's section",
      '.pypirc',
      '[pypi]\nrepository: https://h/\nusername: a\npassword: b',
      ['web h:443 {"username":"a","password":"b"}'],
    ],
    ['an address that is none', '.pypirc', '[x]\nrepository = h\nusername = a\npassword = b', ['unclear']],
    ['an address with a comment', '.pypirc', '[x]\nrepository = https://h#/\nusername = a\npassword = b', ['unclear']],
    ['a line that goes on', '.pypirc', '[pypi]\nusername = a\npassword = b\n  c', ['unclear']],
    ['two passwords of one index', '.pypirc', '[pypi]\nusername = a\npassword = b\npassword = c', ['unclear']],
    [
      "every section's address",
      '.pypirc',
      '[DEFAULT]\nrepository = https://h/\n[x]\nusername = a\npassword = b',
      ['web h:443 {"username":"a","password":"b"}'],
    ],
    ['no user of an index', '.pypirc', '[pypi]\npassword = b', ['web upload.pypi.org:443 {"password":"b"}']],
    ['an escape of MySQL', '.my.cnf', '[client]\nuser=a\npassword=b\\sc', ['unclear']],
    ['a port of MySQL that is none', '.my.cnf', '[client]\nuser=a\npassword=b\nhost=h\nport=x', ['unclear']],
    ['a port of .pgpass that is none', '.pgpass', 'h:x:*:a:b', ['unclear']],
    ['hosts of .pgpass', '.pgpass', 'h,i:5432:*:a:b', ['unclear']],
    ['a socket of .pgpass', '.pgpass', '/run:5432:*:a:b', ['postgres nowhere {"username":"a","password":"b"}']],
    [
      'a login by browser',
      '.docker/config.json',
      JSON.stringify({ auths: { 'https://index.docker.io/v1/access-token': { auth: base64('a:b') } } }),
      ['not_replayable'],
    ],
    [
      'two logins of one registry',
      '.docker/config.json',
      JSON.stringify({ auths: { h: { auth: base64('a:b'), username: 'a', password: 'c' } } }),
      ['unclear'],
    ],
    [
      'an identity token',
      '.docker/config.json',
      JSON.stringify({ auths: { h: { auth: base64('<token>:b') } } }),
      ['not_replayable'],
    ],
    [
      'what is no Base64',
      '.docker/config.json',
      JSON.stringify({ auths: { h: { auth: `${base64('anna:bcd')}!` } } }),
      ['unreadable'],
    ],
    [
      "a GitLab CLI's host that is none",
      '.config/glab-cli/config.yml',
      'hosts:\n  git.example.com:\n    api_host: a b\n    token: abc\n',
      ['unclear'],
    ],
    [
      'two clusters of one name',
      '.kube/config',
      'clusters: [{name: c, cluster: {server: "https://h"}}, {name: c, cluster: {server: "https://i"}}]\ncontexts: [{context: {cluster: c, user: a}}]\nusers: [{name: a, user: {token: b}}]\n',
      ['unclear'],
    ],
    ['no users at all', '.kube/config', 'clusters: null\ncontexts: null\nusers: null\n', []],
    [
      'no contexts',
      '.kube/config',
      'contexts: null\nusers:\n- {name: a, user: {token: b}}\n- {name: c, user: {token: null, exec: null}}\n- {name: d, user: null}\n',
      ['web nowhere {"token":"b"}'],
    ],
    [
      'a cluster that is no address',
      '.kube/config',
      'clusters: [{name: c, cluster: {server: h}}]\ncontexts: [{context: {cluster: c, user: a}}]\nusers: [{name: a, user: {token: b}}]\n',
      ['unclear'],
    ],
    [
      'two clusters of one user',
      '.kube/config',
      'clusters: [{name: c, cluster: {server: "https://h"}}, {name: d, cluster: {server: "https://i"}}]\ncontexts: [{context: {cluster: c, user: a}}, {context: {cluster: d, user: a}}]\nusers: [{name: a, user: {token: b}}]\n',
      ['web h:443 {"token":"b"}', 'web i:443 {"token":"b"}'],
    ],
    ['two tokens of one host', '.terraformrc', 'credentials "h" {\n token = "a"\n token = "b"\n}', ['unclear']],
    ['a brace in a token', '.terraformrc', 'credentials "h" {\n token = "a}b"\n}', ['unclear']],
    ['a brace in a comment', '.terraformrc', 'credentials "h" {\n # }\n token = "a"\n}', ['unclear']],
    ['a tab that an address loses', '.git-credentials', 'https://a:b\tc@h', ['unclear']],
  ])('%s', async (_what, path, text, expected) => {
    expect(await told(path, `${text}\n`)).toEqual(expected)
  })

  it.each<[string, string, string, string[]]>([
    ['the first that fits', 'id_x', 'User top\nHost a\n HostName h\n User own\n IdentityFile ~/.ssh/id_x\n', ['h:22 top']],
    [
      'a pattern before all',
      'id_x',
      'Host a\n IdentityFile ~/.ssh/id_x\nHost a* !ab\n HostName %h.example.com\n Port 23\n User anna\nHost *\n User eve\n',
      ['a.example.com:23 anna'],
    ],
    ['a pattern that is not for it', 'id_x', 'Host ab\n IdentityFile ~/.ssh/id_x\nHost a* !ab\n User anna\n', ['ab:22 -']],
    ['two blocks of one host', 'id_x', 'Host a b\n User anna\nHost b\n IdentityFile ~/.ssh/id_x\n', ['b:22 anna']],
    ['a key elsewhere of the same name', 'id_rsa', 'Host a\n IdentityFile ~/work/id_rsa\n', ['none']],
    ['a condition', 'id_x', 'Match exec "touch ran"\n User eve\nHost a\n User anna\n IdentityFile ~/.ssh/id_x\n', ['unclear']],
    [
      'an included file',
      'id_x',
      'Include x\nHost a\n HostName h\n Port 23\n User anna\n IdentityFile ~/.ssh/id_x\n',
      ['unclear'],
    ],
    [
      'one that comes too late',
      'id_x',
      'Host a\n HostName h\n Port 23\n User anna\n IdentityFile ~/.ssh/id_x\n Include x y\nHost b\n Include z\n User eve\n',
      ['h:23 anna'],
    ],
    ['one that may say the rest', 'id_x', 'Host a\n User anna\n IdentityFile ~/.ssh/id_x\nHost *\n Include x\n', ['unclear']],
    ['one of a condition', 'id_x', 'Host a\n User anna\n IdentityFile ~/.ssh/id_x\nMatch host a\n Include x\n', ['unclear']],
    [
      'a key of every block that fits',
      'id_x',
      'Host a\n IdentityFile ~/.ssh/id_y\nHost *\n IdentityFile ~/.ssh/id_x\n',
      ['a:22 -'],
    ],
    ['no usual key beside one that is named', 'id_rsa', 'Host a\nHost *\n IdentityFile ~/.ssh/id_y\n', ['none']],
    ['a key under a condition', 'id_x', 'Host a\nMatch host a\n IdentityFile ~/.ssh/id_x\n', ['unclear']],
    ['a usual key beside a condition', 'id_rsa', 'Host a\nMatch host a\n IdentityFile ~/.ssh/id_x\n', ['unclear']],
    [
      'a key under a condition and without one',
      'id_x',
      'Match host a\n IdentityFile ~/.ssh/id_x\nHost a\n User anna\n IdentityFile ~/.ssh/id_x\n',
      ['a:22 anna'],
    ],
    ['a usual key before one that may say another', 'id_rsa', 'Host a\n Port 22\n User anna\nHost *\n Include x\n', ['unclear']],
    ['a port that is none', 'id_x', 'Host a\n Port x\n User anna\n IdentityFile ~/.ssh/id_x\n', ['unclear']],
  ])('.ssh/config: %s', async (_what, key, text, expected) => {
    const store = storeAt(`.ssh/${key}`)
    if (store === undefined) throw new Error('no store')
    const hosts = await sshHosts(text)
    const found = (await foundInText(store, `.ssh/${key}`, newSshKey().private)).flatMap((each) =>
      atHosts('ssh-key', each, hosts),
    )
    const said = found.map((each) => {
      if (isAside(each)) return each.reason
      return each.place === undefined ? 'none' : `${each.place.host}:${each.place.port} ${openBox(each.held).username ?? '-'}`
    })
    expect(said).toEqual(expected)
  })
})

describe('the largest store', () => {
  const full = (text: string, head = '', tail = '') =>
    head + text.repeat(Math.floor((MAX_STORE_BYTES - head.length - tail.length) / text.length)) + tail
  // A second or less each; what grows with the square of the size takes minutes.
  it.each<[string, string, string]>([
    ['.netrc of machines', '.netrc', full('machine h login a password #\n')],
    ['.netrc of words', '.netrc', full('x ', 'machine h login a password b account ')],
    ['.netrc of quotes', '.netrc', full('" ', 'machine h password ')],
    ['.env of texts of several lines', '.env', full('A="\n"\n', 'ACME_TOKEN=abc\n')],
    ['.env of empty lines in a quote', '.env', full('\n', 'ACME_TOKEN="', '"x')],
    ['.env of blanks', '.env', full(' ', 'ACME_TOKEN=', '\u2028x')],
    ['.env of ends of lines that are none', '.env', full('\u2028'.padEnd(2, "'"), 'ACME_TOKEN="').slice(0, MAX_STORE_BYTES / 3)],
    ['.env of opened variables', '.env', full('${a', 'ACME_TOKEN=')],
    ['.env of braces', '.env', full('{', 'ACME_TOKEN=')],
    ['.env of secrets', '.env', full('GITHUB_TOKEN=abc\n')],
    ['.env of addresses', '.env', full('A=https://h/ b\n', `GITHUB_TOKEN=${HUB}\n`)],
    ['.env of one list of addresses', '.env', full('https://h/ ', `GITHUB_TOKEN=${HUB}\nGIT_REPOS="`, '"')],
    ['.env of long words', '.env', full(`A=${'a'.repeat(4000)}_://x\n`, `GITHUB_TOKEN=${HUB}\n`)],
    ['.env of letters', '.env', full('a', `GITHUB_TOKEN=${HUB}\nIMAGE=`)],
    ['.env of names', '.env', full('a.', `GITHUB_TOKEN=${HUB}\nGIT_REMOTE=`)],
    ['.env of defaults', '.env', full('${a:-', `GITHUB_TOKEN=${HUB}\nX=`)],
    ['.env of colons', '.env', full('A:\n', `GITHUB_TOKEN=${HUB}\n`)],
    ['a password of slashes', '.pgpass', full('/a', 'h:1:*:a:')],
    ['a password of words', '.pgpass', full('your-', 'h:1:*:a:')],
    [
      '.env of hosts and tokens',
      '.env',
      Array.from({ length: 12_000 }, (_, at) => `A${at}_TOKEN=${HUB}\nA${at}_URL=https://h/\n`).join(''),
    ],
    ['.env of a name of dots', '.env', `${full('.', 'ACME_TOKEN=a://', ':/@')}\n`],
    ['.env of a long name', '.env', full('_API', 'A', `=${HUB}\n`)],
    ['.npmrc of passwords', '.npmrc', full('//h/:_password=eA==\n')],
    ['.npmrc of users', '.npmrc', full('//h/:username=a\n', '', '//h/:_password=eA==\n')],
    ['.pypirc', '.pypirc', full('[a]\npassword=b\n')],
    ['.terraformrc', '.terraformrc', full('credentials "h" {}\n')],
    ['.pgpass', '.pgpass', full('h:1:*:a:b\n')],
    ['.pgpass of one line', '.pgpass', full(':')],
    ['.git-credentials', '.git-credentials', full('https://a:b@h\n')],
  ])('%s is read in time', { timeout: 5_000 }, async (_what, path, text) => {
    expect((await told(path, text)).length).toBeGreaterThan(0)
  })

  it.each<[string, string]>([
    ['hosts', full('Host a\n User b\n')],
    ['keys', full('IdentityFile a\n', 'Host a\n')],
  ])('.ssh/config of %s is read in time', { timeout: 5_000 }, async (_what, text) => {
    expect((await sshHosts(text)).length).toBe(1)
  })

  const many = (text: (at: number) => string) => Array.from({ length: 20_000 }, (_, at) => text(at)).join('')
  it.each<[string, string]>([
    ['hosts and patterns', many((at) => `Host h${at}\n User a\nHost *${at}\n User b\n`)],
    ['hosts of one block', `Host${many((at) => ` h${at}`)}\n User a\n`],
  ])('.ssh/config of more %s than anybody writes is not read', { timeout: 5_000 }, async (_what, text) => {
    await expect(sshHosts(text)).rejects.toThrow(RangeError)
  })
})
