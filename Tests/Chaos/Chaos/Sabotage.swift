/// Breaks one mechanism of the platform behind its back, in the database, so that a checker that finds nothing can be
/// told from one that looks: what the mechanism keeps away happens, and must be counted.
///
/// Nothing of it is in the services, which know no switch that makes them worse.
enum Sabotage: String, Sendable, CaseIterable {
    /// Leases never run out: what a lost worker held is taken over by nobody.
    case lost
    /// Idempotency keys are forgotten: who asks again is accepted again.
    case duplicated
    /// Whoever takes a session's next turn does not see the one that runs: turns of a session run at once.
    case outOfOrder = "out_of_order"
    /// Runs of tools are forgotten when they end: a request that comes again runs again.
    case effectsDoubled = "effects_doubled"
    /// The journal forgets half of what models and tools have answered: a turn that goes on asks, and pays, again.
    case chargedTwice = "charged_twice"
    /// The journal keeps another answer of a tool than the one that was given.
    case toldWrongly = "told_wrongly"
    /// A turn is begun once and never again.
    case failed

    /// The count that must rise.
    var fault: Verdict.Fault {
        switch self {
        case .lost: .lost
        case .duplicated: .duplicated
        case .outOfOrder: .outOfOrder
        case .effectsDoubled: .effectsDoubled
        case .chargedTwice: .chargedTwice
        case .toldWrongly: .toldWrongly
        case .failed: .failed
        }
    }

    /// The name of the scenario that needs the mechanism.
    var scenario: String {
        switch self {
        // Of two workers the one that is killed may have nothing to lose in so short a run.
        case .lost, .failed: "worker_kill.only_one"
        case .duplicated: "random_failures.gateway"
        case .outOfOrder, .effectsDoubled: "duplicate_delivery"
        case .chargedTwice: "worker_kill.while_tool_runs"
        case .toldWrongly: "gateway_kill.one_of_two"
        }
    }

    /// Settings of the services.
    var environment: [String: String] {
        self == .failed ? ["PARLEY_TURN_ATTEMPTS_MAX": "1"] : [:]
    }

    /// What is done to the database before the load begins.
    var statement: String {
        switch self {
        case .lost:
            Self.trigger(
                "BEFORE UPDATE ON turns",
                "IF NEW.lease_until IS NOT NULL THEN NEW.lease_until = 'infinity'; END IF"
            )
        case .duplicated:
            Self.trigger("BEFORE INSERT ON idempotency_keys", "RETURN NULL")
        case .outOfOrder:
            // A row that was claimed this very moment must stay visible, or its own claim would be refused.
            """
            CREATE POLICY sabotage ON turns AS RESTRICTIVE FOR SELECT USING (
                status <> 'running' OR started_at > clock_timestamp() - interval '20 milliseconds'
                OR current_query() NOT LIKE '%WITH head AS%'
            )
            """
        case .effectsDoubled:
            Self.trigger(
                "AFTER INSERT OR UPDATE ON tool_runs",
                """
                IF NEW.status <> 'running' THEN
                    DELETE FROM tool_runs WHERE tenant_id = NEW.tenant_id AND event_id = NEW.event_id;
                END IF
                """
            )
        case .chargedTwice:
            Self.trigger(
                "AFTER INSERT OR UPDATE ON turn_steps",
                """
                IF NEW.status = 'done' AND NEW.kind IN ('model', 'tool') AND random() < 0.5 THEN
                    DELETE FROM turn_steps WHERE tenant_id = NEW.tenant_id AND session_id = NEW.session_id
                        AND turn_id = NEW.turn_id AND step = NEW.step;
                END IF
                """
            )
        case .toldWrongly:
            Self.trigger(
                "BEFORE UPDATE ON turn_steps",
                """
                IF NEW.kind = 'tool' AND NEW.status = 'done' THEN
                    NEW.response = jsonb_set(NEW.response::jsonb, '{payload}', '{"another": true}');
                END IF
                """
            )
        case .failed:
            "SELECT 1"
        }
    }

    private static func trigger(_ event: String, _ body: String) -> String {
        """
        CREATE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(body); RETURN NEW; END $$;
        CREATE TRIGGER sabotage \(event) FOR EACH ROW EXECUTE FUNCTION sabotage();
        """
    }
}
