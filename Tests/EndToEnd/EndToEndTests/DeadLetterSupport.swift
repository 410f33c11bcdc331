import Domain
import JSON
import TestKit

/// Events as somebody puts them on a topic by hand.
enum HandPut {
    /// A message of a user.
    static func message(_ eventID: String, _ session: String, _ text: String = "Test", tenant: String? = nil) -> String
    {
        var event: JSONObject = [
            "event_id": .string(eventID), "session_id": .string(session), "role": "user", "message": .string(text),
            "attachments": [], "metadata": [:],
        ]
        if let tenant { event.set("tenant_id", .string(tenant)) }
        return JSONValue.object(event).string
    }

    /// A call of the tool echo.
    static func call(_ eventID: String, _ session: String, tenant: String? = nil) -> String {
        var event: JSONObject = [
            "event_id": .string(eventID), "session_id": .string(session), "tool_name": "echo",
            "args": ["message": "Echo test"],
        ]
        if let tenant { event.set("tenant_id", .string(tenant)) }
        return JSONValue.object(event).string
    }

    /// What is no event: too large, and nothing else is wrong with it.
    static func oversized(_ text: String) -> String {
        padded(text, to: EventLimits.bytesMax + 1)
    }

    /// The same event with blanks behind it.
    static func padded(_ text: String, to bytes: Int) -> String {
        text + String(repeating: " ", count: bytes - text.utf8.count)
    }
}

/// A cause in the database for handlers to fail, which can be mended, and counts how often it was met.
struct ScriptedFault {
    private let platform: Platform
    private let name: String

    /// Makes every write to `table` for which `condition` holds fail with an SQLSTATE.
    init(_ platform: Platform, on table: String, _ event: String, when condition: String, state: String) async throws {
        self.platform = platform
        name = unique("fault").replacing("-", with: "_")
        try await platform.sql(
            """
            CREATE SEQUENCE \(name);
            CREATE FUNCTION \(name)() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
                BEGIN
                    PERFORM nextval('\(name)');
                    RAISE EXCEPTION 'scripted' USING ERRCODE = '\(state)';
                END $$;
            CREATE TRIGGER \(name) BEFORE \(event) ON \(table) FOR EACH ROW WHEN (\(condition))
                EXECUTE FUNCTION \(name)();
            """
        )
    }

    /// How often it was met.
    var count: Int {
        get async throws {
            Int(try await platform.sql("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM \(name)")) ?? 0
        }
    }

    /// Takes the cause away.
    func mend() async throws {
        // Not the trigger: to drop it takes locks that meet those of the services.
        try await platform.sql(
            """
            CREATE OR REPLACE FUNCTION \(name)() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$
            """
        )
    }
}

extension Platform {
    /// The dead letter of a key and reason, as the API lists it, as soon as it is there.
    func deadLetter(
        key: String,
        reason: String,
        _ client: PlatformClient? = nil
    ) async throws -> JSONValue {
        try await eventuallyValue("a dead letter of \(key): \(reason)", timeout: .seconds(45)) {
            let page = try await (client ?? self.client).get("/v1/admin/dlq?limit=500&reason=\(reason)")
            return page.json["dead_letters"]?.arrayValue?.first { $0["key"]?.stringValue == key }
        }
    }
}
