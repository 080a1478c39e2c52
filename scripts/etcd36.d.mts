/** Where the binary is, if it was built before. */
export declare function findEtcd36(): string | undefined;
/** The path of the binary; builds it first if it is not there. */
export declare function ensureEtcd36(): Promise<string>;
