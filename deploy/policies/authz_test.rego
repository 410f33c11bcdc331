package parley.authz_test

import data.parley.authz

settings := {
	"acme": {
		"allowed_tools": ["http_fetch", "git_*"],
		"denied_tools": ["calculator", "git_push"],
		"approval_tools": ["http_fetch"],
		"denied_models": ["gpt-expensive*"],
		"personas": {
			"reader": {"allowed_tools": ["echo"], "denied_actions": ["model.call"], "allowed_models": []},
			"blocked": {"suspended": true},
			"greedy": {"allowed_tools": ["*"]},
			"broken": {"denied_tools": "echo"},
		},
	},
	"gone": {"suspended": true},
	"unclear": {"suspended": "yes"},
	"odd": {"personas": {"p": []}},
	"mistyped": {"denied_tools": {"echo": true}},
	"numbers": {"denied_tools": [1]},
}

defaults := {"allowed_tools": ["echo", "calculator", "memory_*"], "allowed_models": ["*"]}

decide(question) := decision if {
	decision := authz.decision with input as question with data.tenants as settings with data.defaults as defaults
}

tool(tenant, persona, name) := decide({
	"tenant": tenant, "persona_id": persona, "action": "tool.execute",
	"resource": {"tool": name, "args": {}}, "context": {},
})

model(tenant, persona, name) := decide({
	"tenant": tenant, "persona_id": persona, "action": "model.call",
	"resource": {"model": name}, "context": {},
})

plain(tenant, persona, action) := decide({
	"tenant": tenant, "persona_id": persona, "action": action, "resource": {}, "context": {},
})

test_messages_and_turns_are_allowed if {
	every action in ["message.accept", "turn.run"] {
		plain("anyone", null, action).allow == true
	}
}

test_default_tools_are_allowed_for_a_tenant_without_settings if {
	every name in ["echo", "calculator", "memory_recall"] {
		tool("anyone", null, name).allow == true
	}
}

test_other_tools_are_denied_with_a_reason if {
	tool("anyone", null, "code_execute") == {
		"allow": false, "reason": "the tool is not allowed for this tenant", "obligations": {},
	}
}

test_a_tenant_may_allow_more if {
	tool("acme", null, "http_fetch").allow == true
	tool("acme", null, "git_log").allow == true
	tool("anyone", null, "http_fetch").allow == false
}

test_a_denial_wins_over_a_permission if {
	tool("acme", null, "calculator").allow == false
	tool("acme", null, "git_push").allow == false
}

test_a_persona_only_narrows if {
	tool("acme", "reader", "echo").allow == true
	tool("acme", "reader", "http_fetch").allow == false
	tool("acme", "greedy", "code_execute").allow == false
}

test_an_unknown_persona_has_no_more_than_its_tenant if {
	tool("acme", "stranger", "calculator").allow == false
	tool("acme", "stranger", "echo").allow == true
}

test_a_persona_of_another_tenant_does_not_count if tool("anyone", "greedy", "http_fetch").allow == false

test_suspended_tenants_and_personas_do_nothing if {
	every action in ["message.accept", "turn.run"] {
		plain("gone", null, action).allow == false
		plain("unclear", null, action).allow == false
		plain("acme", "blocked", action).allow == false
	}
}

test_models if {
	model("anyone", null, "small").allow == true
	model("acme", null, "gpt-expensive-1").allow == false
	model("acme", "reader", "small").allow == false
	model("anyone", null, "").allow == false
	model("anyone", null, 7).allow == false
}

test_unknown_actions_are_denied if {
	every action in ["", "turn.delete", "TURN.RUN", "tool.executex"] {
		plain("default", null, action) == {
			"allow": false, "reason": "no rule allows this action", "obligations": {},
		}
	}
}

test_questions_that_are_not_well_formed_are_denied if {
	every question in [
		{},
		{"action": "turn.run"},
		{"tenant": "", "persona_id": null, "action": "turn.run", "resource": {}},
		{"tenant": 7, "persona_id": null, "action": "turn.run", "resource": {}},
		{"tenant": "acme", "persona_id": 7, "action": "turn.run", "resource": {}},
		{"tenant": "acme", "persona_id": null, "action": "turn.run", "resource": []},
		{"tenant": "acme", "persona_id": null, "action": ["turn.run"], "resource": {}},
		{"tenant": "acme", "persona_id": null, "action": "tool.execute"},
		{"tenant": "acme", "persona_id": null, "action": "tool.execute", "resource": {"tool": 7}},
		{"tenant": "acme", "persona_id": null, "action": "tool.execute", "resource": {"tool": null}},
		[],
		"turn.run",
	] {
		decide(question).allow == false
	}
}

test_settings_that_are_not_well_formed_deny if {
	tool("mistyped", null, "echo").allow == false
	tool("numbers", null, "echo").allow == false
	tool("acme", "broken", "echo").allow == false
	plain("odd", "p", "turn.run").allow == false
}

test_without_settings_no_tool_is_allowed if {
	question := {"tenant": "a", "persona_id": null, "action": "tool.execute", "resource": {"tool": "echo"}}
	decision := authz.decision with input as question with data.tenants as {} with data.defaults as {}
	decision.allow == false
}

test_tools_may_need_an_approval if {
	tool("acme", null, "http_fetch").obligations == {"approval": true}
	tool("acme", null, "echo").obligations == {}
}
