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

#define PARAM_CONF struct pg_conf

static const struct param_spec params[] = {
    PARAM_NUMBER("ping_interval", ping_interval, 0, 86400, 300,
                 "a connection that was quiet for so long is tried before its next query; 0: never",
                 .unit = "s"),
    PARAM_NUMBER("timeout_interval", timeout_interval, 0, 3600, 2,
                 "most time to connect where that blocks (start, reload, tools); 0: no limit. "
                 "Queries of scripts have db_deadline",
                 .unit = "s"),
    PARAM_SWITCH("auto_reconnect", auto_reconnect, 1,
                 "accepted for old scripts: a lost connection is always opened again"),
    {.name = NULL},
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
