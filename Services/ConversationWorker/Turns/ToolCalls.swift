import Domain
import EventBus
import JSON
import Models
import ServiceKit
import Store

/// What a model's tool calls lead to.
extension TurnRunner {
    /// Makes the model's answer and its tool calls durable, then sends the calls.
    ///
    /// - Parameters:
    ///   - state: The turn.
    ///   - response: The model's answer, with calls in it.
    /// - Returns: Whether the turn rests now; false when every call was answered on the spot.
    /// - Throws: `StoreError` when the lease is gone.
    func callTools(_ state: inout TurnState, _ response: ModelResponse) async throws -> Bool {
        var events: [OutboxEvent] = []
        var notices: [OutgoingRecord] = []
        for call in response.toolCalls {
            let request = request(for: call, of: state.turn)
            let payload = request.serialized()
            // What the executor's gate would refuse is refused here, where the model can be told.
            guard case .valid = call.arguments, Identifier.isValid(call.name), payload.count <= EventLimits.bytesMax,
                let json = try? EventSchema.toolRequest.parse(payload, limits: EventLimits.toolEvents)
            else {
                Self.refuse(request, in: &state)
                continue
            }
            let position = state.append(request, request: json)
            events.append(event(for: request, of: state.turn))
            notices.append(
                .notice(
                    ConversationEvent.Kind.toolRequest,
                    of: state.turn.key,
                    at: position,
                    subject: request.toolName,
                    details: ToolNotice.request(
                        eventID: request.eventID,
                        toolName: request.toolName,
                        arguments: request.arguments
                    ),
                    traceparent: state.turn.traceparent
                )
            )
        }
        let write = state.write(events: events)
        if events.isEmpty {
            // The model is called again at once: whoever takes over in that call must not pay for this one again.
            try await retrying { try await turns.keep(write) }
            state.markWritten()
            return false
        }
        try await retrying { try await turns.suspend(write) }
        publisher.enqueue(events)
        for notice in notices {
            producer.publishBuffered(notice)
        }
        return true
    }

    /// Notes a call that cannot be sent, and tells the model; what is wrong with it stands in the model's answer only.
    static func refuse(_ request: ToolRequest, in state: inout TurnState) {
        var request = request
        request.arguments = [:]
        request.toolName = request.toolName.storable(scalarsMax: Identifier.charactersMax)
        let reason =
            "The call is not valid: the name must be a tool's and the arguments a JSON object of ordinary size "
            + "and depth."
        let refusal = ToolResult(to: request, status: .error, payload: [:], error: reason)
        let json = (try? JSONValue.parse(request.serialized())) ?? [:]
        state.appendRefused(request, request: json, result: refusal)
    }

    private func request(for call: ModelToolCall, of turn: ClaimedTurn) -> ToolRequest {
        var arguments: JSONObject = [:]
        if case .valid(let object) = call.arguments { arguments = object }
        var request = ToolRequest(
            eventID: Identifier.make(),
            sessionID: turn.key.sessionID,
            toolName: call.name,
            arguments: .object(arguments)
        )
        request.personaID = turn.personaID
        request.tenantID = turn.key.tenantID
        request.turnID = turn.key.turnID
        request.toolCallID = call.id
        return request
    }

    private func event(for request: ToolRequest, of turn: ClaimedTurn) -> OutboxEvent {
        OutboxEvent(
            tenantID: turn.key.tenantID,
            topic: .toolRequests,
            eventID: request.eventID,
            sessionID: turn.key.sessionID,
            payload: request.serialized(),
            traceparent: turn.traceparent
        )
    }
}
