import JSON
import TestKit

/// Reads what the platform keeps.
enum DatabaseEvidence {
    /// Whether anything is still to be done.
    static func isQuiet(_ platform: Platform) async throws -> Bool {
        let open = try await platform.sql("SELECT count(*) FROM turns WHERE finished_at IS NULL")
        return open == "0"
    }

    /// Adds the rows of a platform's database to a history.
    static func read(_ platform: Platform, into history: inout History) async throws {
        history.events = try await rows(
            platform,
            "SELECT session_id, seq, turn_seq, event_id, role, message FROM session_events ORDER BY session_id, seq"
        ).map { row in
            StoredEvent(
                session: row[0],
                seq: Int(row[1]) ?? -1,
                turnSeq: Int(row[2]) ?? -1,
                eventID: row[3],
                role: row[4],
                message: row[5...].joined(separator: "|")
            )
        }
        history.turns = try await rows(
            platform,
            """
            SELECT session_id, turn_id, seq, status, input_tokens + output_tokens, coalesce(error_code, ''),
            (extract(epoch FROM started_at) * 1000000)::bigint, (extract(epoch FROM finished_at) * 1000000)::bigint
            FROM turns ORDER BY session_id, seq
            """
        ).map { row in
            StoredTurn(
                session: row[0],
                turnID: row[1],
                seq: Int(row[2]) ?? -1,
                status: row[3],
                tokens: Int(row[4]) ?? -1,
                errorCode: row[5],
                startedAt: Int(row[6]),
                finishedAt: Int(row[7])
            )
        }
        history.toolSteps = try await toolSteps(platform)
        history.toolRuns = try await rows(
            platform,
            "SELECT event_id, turn_id, status FROM tool_runs WHERE turn_id IS NOT NULL"
        ).map { row in StoredToolRun(eventID: row[0], turnID: row[1], status: row[2]) }
        let charged = try await platform.sql(
            "SELECT coalesce(sum(used_tokens), 0) FROM budget_usage WHERE persona_id = ''"
        )
        history.chargedTokens = Int(charged) ?? -1
    }

    private static func toolSteps(_ platform: Platform) async throws -> [StoredToolStep] {
        try await rows(
            platform,
            """
            SELECT turn_id, event_id, name, stream_index, result_index,
            json_build_object('args', request->'args', 'status', response->'status', 'payload', response->'payload')
            FROM turn_steps WHERE kind = 'tool'
            """
        ).map { row in
            let json = try JSONValue.parse(Array(row[5...].joined(separator: "|").utf8))
            var step = StoredToolStep(turnID: row[0])
            func add(_ index: String, _ content: String, _ status: String?) {
                guard let index = Int(index) else { return }
                step.notices[index] = ToolNotice(
                    eventID: row[1],
                    tool: row[2],
                    status: status,
                    content: json[content] ?? .null
                )
            }
            add(row[3], "args", nil)
            add(row[4], "payload", json["status"]?.stringValue ?? "")
            return step
        }
    }

    private static func rows(_ platform: Platform, _ query: String) async throws -> [[String]] {
        try await platform.sql(query).split(separator: "\n").map { line in
            line.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        }
    }
}
