/** A user in the current state of the directory. */
export interface User {
  /** The user name. */
  readonly name: string;
  /**
   * A value that changes with the password. A change invalidates every token of the user. It never leaves the process
   * unchanged.
   */
  readonly stamp: string;
}

/** The users of a registry and their passwords. `openHtpasswd` creates one; an own implementation is possible. */
export interface UserDirectory {
  /** Resolves with the user of that name, or with undefined. Called for every request, so it must be fast. */
  find(name: string): Promise<User | undefined>;
  /** Resolves with whether the password belongs to the user. It should take the same time for unknown names. */
  check(name: string, password: string): Promise<boolean>;
}
