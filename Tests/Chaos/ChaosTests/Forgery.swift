import TestKit

@testable import parley_chaos

/// Changes what a run left behind, so that reading it can be seen to matter.
enum Forgery: String, Sendable, CaseIterable {
    case lost
    case duplicated
    case outOfOrder = "out_of_order"
    case effectsDoubled = "effects_doubled"
    case chargedTwice = "charged_twice"
    case toldWrongly = "told_wrongly"
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

    /// Changes the database behind the platform's back.
    func strike(_ platform: Platform) async throws {
        try await platform.sql(statement)
    }

    private var statement: String {
        switch self {
        case .lost:
            """
            DELETE FROM session_events WHERE event_id =
            (SELECT event_id FROM session_events WHERE role = 'assistant' LIMIT 1)
            """
        case .duplicated:
            """
            INSERT INTO session_events (tenant_id, session_id, seq, turn_seq, event_id, role, type, message)
            SELECT tenant_id, session_id, seq + 100000, turn_seq, event_id || '-copy', role, type, message
            FROM session_events WHERE role = 'assistant' LIMIT 1
            """
        case .outOfOrder:
            "UPDATE turns SET started_at = started_at - interval '1 hour' WHERE prior_seq > 0"
        case .effectsDoubled:
            """
            INSERT INTO tool_runs (tenant_id, event_id, session_id, turn_id, tool_name, status)
            SELECT tenant_id, event_id || '-copy', session_id, turn_id, tool_name, status
            FROM tool_runs WHERE turn_id IS NOT NULL LIMIT 1
            """
        case .chargedTwice:
            "UPDATE budget_usage SET used_tokens = used_tokens + 12 WHERE persona_id = ''"
        case .toldWrongly:
            """
            UPDATE turn_steps SET request = jsonb_set(request::jsonb, '{args}', '{}') WHERE event_id =
            (SELECT event_id FROM turn_steps WHERE kind = 'tool' LIMIT 1)
            """
        case .failed:
            """
            UPDATE turns SET status = 'failed', error_code = 'sabotage' WHERE turn_id =
            (SELECT turn_id FROM turns WHERE status = 'completed' LIMIT 1)
            """
        }
    }
}
