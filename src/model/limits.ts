/** Every written limit of a plan. Whoever raises one looks at the store's limits (docs/architecture.md) first. */

const kibibyte = 1024;

/** See above. */
export const limits = {
  /** Steps of one workflow. */
  stepsMax: 10_000,
  /** Groups of one workflow. */
  groupsMax: 1_000,
  /** Ids that one step or group waits for. */
  dependenciesMax: 10_000,
  /** Arguments of one step, or of its undo, as JSON. */
  argumentsBytesMax: 1024 * kibibyte,
  /**
   * How deep arguments and outputs may be nested. On the wire an object costs three levels (Struct, entry, Value), and
   * the protobuf libraries of most languages read a hundred: what is deeper could be stored and never be shown.
   */
  jsonDepthMax: 24,
  /** The same of arguments with outputs in the place of references, as they go to a controller. */
  resolvedDepthMax: 30,
  /** A whole plan as stored. */
  planBytesMax: 16 * 1024 * kibibyte,
  /** One chunk of a plan as stored; a transaction's limit is 1.5 MiB. */
  planChunkBytesMax: 1024 * kibibyte,
  /** Output of one step as JSON. */
  outputBytesMax: 1024 * kibibyte,
  /** A workflow's own output, and a signal's payload, as JSON. */
  workflowOutputBytesMax: 64 * kibibyte,
  /** Steps that one step adds while it runs. */
  addedStepsMax: 100,
  /** The same as stored: they are written with the step's outcome, in one transaction. */
  addedBytesMax: 128 * kibibyte,
  /** A child's plan as stored: it is written with the step that starts it, in one transaction. */
  childPlanBytesMax: 256 * kibibyte,
  /** Levels of children below a root. */
  childDepthMax: 8,
  /** Resources that a root locks with all its children. */
  treeLocksMax: 40,
  /** How long a child waits for what its root does not have locked yet. */
  lateLockMs: 300_000,
  /** An external task's id. */
  taskBytesMax: 4 * kibibyte,
  /** A step's or workflow's description. */
  descriptionBytesMax: 256,
  /** An actor's name. */
  actorBytesMax: 128,
  /** The reason of a verb. */
  reasonBytesMax: 512,
  /** An error's message as stored. */
  messageBytesMax: 2 * kibibyte,
  /** Labels of one workflow. */
  labelsMax: 32,
  /** Labels that a step can ask for in a node. */
  nodeLabelsMax: 8,
  /** Steps that a limit lets work at once. */
  limitMax: 10_000,
  /** Resources that one workflow locks. */
  locksMax: 20,
  /** A label's value. */
  labelValueBytesMax: 128,
  /** Places named in one refusal. */
  violationsMax: 50,
  /** Priorities are 0 (first) to this. */
  priorityMax: 9,
  /** Attempts of one step. */
  attemptsMax: 100,
  /** Attempts that a record remembers. */
  rememberedAttemptsMax: 10,
  /** What operators did, as a workflow remembers it. */
  historyMax: 50,
  /** A step's timeout. */
  timeoutMsMin: 1_000,
  timeoutMsMax: 7 * 24 * 3_600_000,
  /** A retry's waits. */
  initialBackoffMsMax: 3_600_000,
  backoffMsMax: 24 * 3_600_000,
  /** A workflow's deadline. */
  deadlineMsMin: 1_000,
  deadlineMsMax: 90 * 24 * 3_600_000,
  /** A draft that is not started is deleted after this. */
  draftLifeMs: 24 * 3_600_000,
  /** How long a request id is remembered. */
  requestLifeMs: 24 * 3_600_000,
  /** Claims of one step lost in a row, after which an incident opens. */
  lostClaimsMax: 5,
  /** Probes in a row that could not tell, after which an incident opens. */
  unknownProbesMax: 10,
  /** Methods of one controller. */
  methodsMax: 200,
  /** A method's schema as JSON. */
  schemaBytesMax: 64 * kibibyte,
} as const;
