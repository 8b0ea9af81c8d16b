/** What Node takes that does nothing. */
export type Nothing = never;
