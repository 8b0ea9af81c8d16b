/** A user as a login knows them at this moment. */
export interface User {
  readonly name: string;
  /** Another one when the password changes: every token of theirs ends with it. Never leaves the process as it is. */
  readonly stamp: string;
}

/** Who can log in, and how that is found out. `openHtpasswd` makes one, and so can you. */
export interface UserDirectory {
  /** The user of that name; undefined if there is none, or no longer. Asked with every request, so it must be quick. */
  find(name: string): Promise<User | undefined>;
  /** Whether it is the user's password; for a name that nobody has it should take as long as for one that somebody has. */
  check(name: string, password: string): Promise<boolean>;
}
