package import JSON

/// A result that is valid under its schema and that every reader can take.
package struct CheckedToolResult: Sendable, Equatable {
    /// The result.
    package let result: ToolResult
    /// The same as JSON.
    package let json: JSONValue
    /// The same as JSON text in UTF-8.
    package let payload: [UInt8]
}

extension ToolResult {
    /// The longest reason that is given, in Unicode scalars.
    package static let errorScalarsMax = 4000

    /// The result as it may be sent.
    ///
    /// A result holds what a tool wrote. One that is no valid event, too large or nests too deep would be refused by
    /// whoever waits for it, so an error that says why takes its place, which the turn can go on with.
    package func checked() -> CheckedToolResult {
        var result = self
        result.error = error?.storable(scalarsMax: Self.errorScalarsMax)
        let reason: String
        do throws(EventError) {
            let payload = result.serialized()
            if payload.count <= EventLimits.bytesMax {
                let json = try EventSchema.toolResult.parse(payload, limits: EventLimits.toolEvents)
                return CheckedToolResult(result: result, json: json, payload: payload)
            }
            reason = "It has \(payload.count) bytes, and may have \(EventLimits.bytesMax)."
        } catch {
            reason = error.description
        }
        return result.refused(because: "What the tool answered cannot be passed on. \(reason)")
    }

    /// The error in the place of a result; what is left of that are the ids of a request that was valid.
    private func refused(because reason: String) -> CheckedToolResult {
        var refusal = self
        refusal.status = .error
        refusal.payload = [:]
        refusal.error = reason.storable(scalarsMax: Self.errorScalarsMax)
        refusal.executionTime = nil
        refusal.metadata = nil
        let payload = refusal.serialized()
        let json = (try? JSONValue.parse(payload)) ?? [:]
        return CheckedToolResult(result: refusal, json: json, payload: payload)
    }
}
