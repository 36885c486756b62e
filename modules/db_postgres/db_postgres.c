/* db_postgres: tables in PostgreSQL, asked through libpq's calls that do not block. */
/* SPDX-License-Identifier: MIT */
#include "modules/db_postgres/priv.h"

extern const struct module db_postgres_module;

enum { CONNECTIONS = 4 };

const struct db_dialect pg_dialect = {.quote = '"',
                                      .numbered = true,
                                      .replace = false,
                                      .id = "SERIAL PRIMARY KEY",
                                      .text = "TEXT",
                                      .number = "BIGINT",
                                      .time = "TIMESTAMP WITHOUT TIME ZONE",
                                      .blob = "BYTEA"};

static const char *const schemes[] = {"postgres", "postgresql", NULL};
static const char *const old_names[] = {"postgres", NULL};

static const struct db_driver driver = {.name = "db_postgres",
                                        .schemes = schemes,
                                        .conn_size = sizeof(struct pg_conn),
                                        .sql = true,
                                        .conf_size = sizeof(struct pg_conf),
                                        .connections = CONNECTIONS,
                                        .connect_now = pg_connect_now,
                                        .run_now = pg_run_now,
                                        .create = pg_create,
                                        .connect = pg_connect,
                                        .run = pg_run,
                                        .close = pg_close};

#define INT(name_, most, default_, unit_, doc_)                                                    \
    {                                                                                              \
        .name = #name_, .type = PARAM_INT, .offset = offsetof(struct pg_conf, name_), .max = most, \
        .number = default_, .unit = unit_, .doc = doc_                                             \
    }

static const struct param_spec params[] = {
    INT(ping_interval, 86400, 300, "s",
        "a connection that was quiet for so long is tried before its next query; 0: never"),
    INT(timeout_interval, 3600, 2, "s",
        "most time to connect where that blocks (start, reload, tools); 0: no limit. Queries of "
        "scripts have db_deadline"),
    INT(auto_reconnect, 1, 1, NULL,
        "accepted for old scripts: a lost connection is always opened again"),
    {0},
};

const struct module db_postgres_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "db_postgres",
                .doc = "tables in PostgreSQL",
                .old_names = old_names,
                .params = params,
                .conf_size = sizeof(struct pg_conf)},
    .driver = &driver,
};
