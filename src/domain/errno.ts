import { errorCode } from './error.ts'

/** What the operating system said, in words that tell what to do; undefined for anything else. */
export function errnoWords(error: unknown): string | undefined {
  return WORDS[errorCode(error) ?? '']
}

/** What a machine can say to anybody: the fault is in its files, folders and limits. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied for the user that runs this',
  EPERM: 'not permitted to the user that runs this',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'no such file or folder',
  EEXIST: 'there is a file of that name already',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder',
  ELOOP: 'the path has too many symbolic links',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'too many open files: raise the limit (ulimit -n)',
  ENFILE: 'too many open files on this machine',
  EIO: 'the disk failed to read or write',
  ENOMEM: 'out of memory',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8: save it as UTF-8',
}
