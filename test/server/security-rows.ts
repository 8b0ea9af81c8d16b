/** Rows of the security list of servers that tests outside `test/server/rows-*` cover, with the ids of these tests. */
export const rowsElsewhere: Readonly<Record<string, readonly string[]>> = {
  S3: ['s3-session-owner'],
  S4: ['s4-mount-source'],
  S6: ['s6-login-first'],
  S7: ['s7-create-only'],
  S13: ['s13-changed-token'],
  S14: ['s14-rules-change'],
  S15: ['s15-upstream-text', 's15-client-hidden'],
  S18: ['s18-grace-period'],
  S19: ['s19-guesses-wait'],
};
