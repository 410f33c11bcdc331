#include "schemas.h"

// The files that go into every executable. #embed is C23; a path is relative to this file.

static const unsigned char conversation_event[] = {
#embed "events/conversation_event.json"
};
static const unsigned char conversation_delta[] = {
#embed "events/conversation_delta.json"
};
static const unsigned char conversation_control[] = {
#embed "events/conversation_control.json"
};
static const unsigned char tool_request[] = {
#embed "events/tool_request.json"
};
static const unsigned char tool_result[] = {
#embed "events/tool_result.json"
};
static const unsigned char delegation_task[] = {
#embed "events/delegation_task.json"
};
static const unsigned char budget_event[] = {
#embed "events/budget_event.json"
};
static const unsigned char core_sql[] = {
#embed "database/0001_core.sql"
};
static const unsigned char fault_tolerance_sql[] = {
#embed "database/0002_fault_tolerance.sql"
};
static const unsigned char memory_sql[] = {
#embed "database/0003_memory.sql"
};
static const unsigned char group_shares_sql[] = {
#embed "database/0004_group_shares.sql"
};
static const unsigned char memory_auto_sql[] = {
#embed "database/0005_memory_auto.sql"
};
static const unsigned char statistics_sql[] = {
#embed "database/0006_statistics.sql"
};
static const unsigned char openapi[] = {
#embed "api/openapi.json"
};

#define FILE_ENTRY(name, bytes) {name, bytes, sizeof(bytes)}

static const struct schemas_file files[] = {
    FILE_ENTRY("events/conversation_event.json", conversation_event),
    FILE_ENTRY("events/conversation_delta.json", conversation_delta),
    FILE_ENTRY("events/conversation_control.json", conversation_control),
    FILE_ENTRY("events/tool_request.json", tool_request),
    FILE_ENTRY("events/tool_result.json", tool_result),
    FILE_ENTRY("events/delegation_task.json", delegation_task),
    FILE_ENTRY("events/budget_event.json", budget_event),
    FILE_ENTRY("database/0001_core.sql", core_sql),
    FILE_ENTRY("database/0002_fault_tolerance.sql", fault_tolerance_sql),
    FILE_ENTRY("database/0003_memory.sql", memory_sql),
    FILE_ENTRY("database/0004_group_shares.sql", group_shares_sql),
    FILE_ENTRY("database/0005_memory_auto.sql", memory_auto_sql),
    FILE_ENTRY("database/0006_statistics.sql", statistics_sql),
    FILE_ENTRY("api/openapi.json", openapi),
};

size_t schemas_embedded_count(void) {
    return sizeof(files) / sizeof(files[0]);
}

struct schemas_file schemas_embedded_file(size_t index) {
    return files[index];
}
