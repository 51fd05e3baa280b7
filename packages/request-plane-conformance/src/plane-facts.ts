/** What is known of a plane before a case begins. */
export interface PlaneFacts {
  /** The worker is started by the kit, not by somebody else. */
  readonly ownWorker: boolean;
  /** The kit can put a proxy in front of a server. */
  readonly hasRoute: boolean;
  readonly brokered: boolean;
  readonly serverMaxMessageBytes: number;
  readonly clientMaxMessageBytes: number;
}
