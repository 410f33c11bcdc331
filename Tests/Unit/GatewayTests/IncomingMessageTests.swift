import Domain
import JSON
import Testing

@testable import parley_gateway

struct IncomingMessageTests {
    private func problem(_ text: String, sessionID: String? = nil) throws -> Problem? {
        let json = try JSONValue.parse(text)
        do {
            _ = try IncomingMessage(json: json, sessionID: sessionID)
            return nil
        } catch {
            return error as? Problem
        }
    }

    @Test func everythingIsTaken() throws {
        let json = try JSONValue.parse(
            #"{"session_id":"s-1","persona_id":"p:1","message":"Hi","attachments":[{"a":1}],"metadata":{"b":[2]}}"#
        )
        let message = try IncomingMessage(json: json)
        #expect(message.sessionID == "s-1")
        #expect(message.personaID == "p:1")
        #expect(message.message == "Hi")
        #expect(message.attachments == [["a": 1]])
        #expect(message.metadata == ["b": [2]])
    }

    @Test func withoutASessionANewOneBegins() throws {
        let first = try IncomingMessage(json: ["message": "Hi"])
        let second = try IncomingMessage(json: ["message": "Hi", "session_id": nil, "persona_id": nil])
        #expect(Identifier.isValid(first.sessionID) && Identifier.isValid(second.sessionID))
        #expect(first.sessionID != second.sessionID)
        #expect(second.personaID == nil)
    }

    @Test func thePathNamesTheSession() throws {
        #expect(try IncomingMessage(json: ["message": "Hi"], sessionID: "path").sessionID == "path")
        let same: JSONValue = ["message": "Hi", "session_id": "path"]
        #expect(try IncomingMessage(json: same, sessionID: "path").sessionID == "path")
        let other = try problem(#"{"message":"Hi","session_id":"other"}"#, sessionID: "path")
        #expect(other?.fields.map(\.name) == ["session_id"])
    }

    @Test(arguments: [
        (#"{}"#, ["message"]),
        (#"{"message":""}"#, ["message"]),
        (#"{"message":null}"#, ["message"]),
        (#"{"message":true}"#, ["message"]),
        (#"{"message":"a\u0000"}"#, ["message"]),
        (#"{"message":"x","session_id":""}"#, ["session_id"]),
        (#"{"message":"x","session_id":["a"]}"#, ["session_id"]),
        (#"{"message":"x","session_id":"é"}"#, ["session_id"]),
        (#"{"message":"x","persona_id":"a b"}"#, ["persona_id"]),
        (#"{"message":"x","attachments":"a"}"#, ["attachments"]),
        (#"{"message":"x","attachments":null}"#, ["attachments"]),
        (#"{"message":"x","metadata":"a"}"#, ["metadata"]),
        (#"{"message":"x","event_id":"e","role":"system"}"#, ["event_id", "role"]),
        (
            #"{"more":1,"session_id":1,"persona_id":1,"attachments":1,"metadata":1}"#,
            ["more", "session_id", "persona_id", "message", "attachments", "metadata"]
        ),
        (#"7"#, ["body"]),
        (#"null"#, ["body"]),
    ])
    func everyWrongMemberIsNamed(text: String, fields: [String]) throws {
        let problem = try #require(try problem(text))
        #expect(problem.status == 422)
        #expect(problem.code == "invalid_request")
        #expect(problem.fields.map(\.name) == fields)
    }

    @Test func idsAtAndOverTheLimit() throws {
        let longest = String(repeating: "i", count: Identifier.charactersMax)
        #expect(try problem(#"{"message":"x","session_id":"\#(longest)"}"#) == nil)
        #expect(try problem(#"{"message":"x","session_id":"\#(longest)i"}"#)?.fields.map(\.name) == ["session_id"])
    }

    @Test func aProblemNeverRepeatsWhatWasSent() throws {
        let long = String(repeating: "n", count: 1000)
        let problem = try #require(try problem(#"{"\#(long)":1,"message":["secret"],"session_id":"se cret"}"#))
        #expect(!problem.detail.contains("secret") && !problem.detail.contains("se cret"))
        #expect(problem.detail.utf8.count < 500, "a long name is cut")
    }
}
