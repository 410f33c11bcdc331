# Who may do what. The platform asks for data.parley.authz.decision with
#   {"tenant": …, "persona_id": …, "action": …, "resource": {…}, "context": {…}}
# and takes {"allow": bool, "reason": string, "obligations": {…}}; anything else it takes as a refusal.
# The resource of "tool.execute" has "tool" and "args", that of "model.call" and "turn.run" has "model" and "profile".
# A permission with an obligation that the platform cannot keep is a refusal: there are no approvals yet, so the tools
# in "approval_tools" are not run.
#
# Nothing is allowed but what a rule here allows, and any denial wins over any permission. Settings come from data.json:
# "defaults" holds for every tenant, "tenants.<id>" for one, "tenants.<id>.personas.<id>" for one of its personas.
# Lists of tools and models take patterns with * in them.
#
# Every lookup goes through object.get with a default: a rule such as `deny if not x in persona.list` does not fire when
# `persona` is undefined, and so would allow what it should deny.
package parley.authz

default decision := {"allow": false, "reason": "no rule allows this action", "obligations": {}}

decision := {"allow": false, "reason": concat("; ", sort(deny)), "obligations": {}} if count(deny) > 0

decision := {"allow": true, "reason": "allowed", "obligations": obligations} if {
	count(deny) == 0
	allow
}

# ---- the question ----

# An OPA server answers a type error inside a rule with "undefined" and the embedded engine with an error; so that both
# decide alike, every value is brought to its type before it is used.
as_object(value) := value if {
	is_object(value)
} else := {}

as_string(value) := value if {
	is_string(value)
} else := ""

as_strings(value) := [entry | some entry in value; is_string(entry)] if {
	is_array(value)
} else := []

question := as_object(input)

resource := as_object(object.get(question, "resource", {}))

action := as_string(object.get(question, "action", ""))

tool := as_string(object.get(resource, "tool", ""))

model := as_string(object.get(resource, "model", ""))

tenant_id := as_string(object.get(question, "tenant", ""))

persona_id := object.get(question, "persona_id", null)

default is_well_formed := false

is_well_formed if {
	tenant_id != ""
	is_string(object.get(question, "action", null))
	is_object(object.get(question, "resource", {}))
	is_string_or_null(persona_id)
}

is_string_or_null(value) if is_string(value)

is_string_or_null(value) if is_null(value)

# ---- the settings ----

default raw_defaults := {}

raw_defaults := data.defaults

default raw_tenants := {}

raw_tenants := data.tenants

raw_tenant := object.get(as_object(raw_tenants), tenant_id, {})

raw_personas := object.get(tenant, "personas", {})

raw_persona := object.get(as_object(raw_personas), persona_id, {})

defaults := as_object(raw_defaults)

tenant := as_object(raw_tenant)

persona := as_object(raw_persona)

list_names := {
	"allowed_tools", "denied_tools", "approval_tools",
	"allowed_models", "denied_models", "denied_actions",
}

# What a setting says for the question, from all levels.
listed(name) := {entry |
	some level in [defaults, tenant, persona]
	some entry in as_strings(object.get(level, name, []))
}

# What may be done is set for all and widened for a tenant; a persona can only narrow it.
granted(name) := {entry |
	some level in [defaults, tenant]
	some entry in as_strings(object.get(level, name, []))
}

matches(patterns, name) if {
	some pattern in patterns
	glob.match(pattern, null, name)
}

# ---- what is allowed ----

default allow := false

allow if action in {"message.accept", "turn.run"}

allow if {
	action == "model.call"
	matches(granted("allowed_models"), model)
}

allow if {
	action == "tool.execute"
	matches(granted("allowed_tools"), tool)
}

# ---- what is denied, whatever is allowed ----

deny contains "the question is not well formed" if not is_well_formed

deny contains "the question names no tool" if {
	action == "tool.execute"
	tool == ""
}

deny contains "the question names no model" if {
	action == "model.call"
	model == ""
}

deny contains sprintf("the setting %s is not a list of texts", [name]) if {
	some level in [defaults, tenant, persona]
	some name in list_names
	value := object.get(level, name, [])
	not is_list_of_strings(value)
}

is_list_of_strings(value) if {
	is_array(value)
	every entry in value { is_string(entry) }
}

deny contains "the settings of the tenant or the persona are not objects" if {
	some level in [raw_defaults, raw_tenants, raw_tenant, raw_personas, raw_persona]
	not is_object(level)
}

deny contains "the tenant is suspended" if object.get(tenant, "suspended", false) != false

deny contains "the persona is suspended" if object.get(persona, "suspended", false) != false

deny contains "the action is denied for this tenant or persona" if action in listed("denied_actions")

deny contains "the tool is denied for this tenant or persona" if {
	action == "tool.execute"
	matches(listed("denied_tools"), tool)
}

deny contains "the tool is not among those of the persona" if {
	action == "tool.execute"
	patterns := as_strings(object.get(persona, "allowed_tools", ["*"]))
	not matches(patterns, tool)
}

deny contains "the tool is not allowed for this tenant" if {
	action == "tool.execute"
	not matches(granted("allowed_tools"), tool)
}

deny contains "the model is denied for this tenant or persona" if {
	action == "model.call"
	matches(listed("denied_models"), model)
}

deny contains "the model is not among those of the persona" if {
	action == "model.call"
	patterns := as_strings(object.get(persona, "allowed_models", ["*"]))
	not matches(patterns, model)
}

# ---- what must be done along with it ----

obligations := {"approval": true} if {
	action == "tool.execute"
	matches(listed("approval_tools"), tool)
} else := {}
