/* db_mysql: tables in MySQL or MariaDB, asked through libmariadb's calls that do not block. */
/* SPDX-License-Identifier: MIT */
#include "modules/db_mysql/priv.h"

extern const struct module db_mysql_module;

enum { CONNECTIONS = 4 };

const struct db_dialect maria_dialect = {.quote = '`',
                                         .replace = true,
                                         .id = "INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY",
                                         .text = "TEXT",
                                         .number = "INT",
                                         .time = "DATETIME",
                                         .blob = "LONGBLOB"};

static const char *const schemes[] = {"mysql", NULL};
static const char *const old_names[] = {"mysql", NULL};

static unsigned together(const void *conf)
{
    return conf ? (unsigned)((const struct maria_conf *)conf)->together : TOGETHER;
}

static const struct db_driver driver = {.name = "db_mysql",
                                        .schemes = schemes,
                                        .conn_size = sizeof(struct maria_conn),
                                        .sql = true,
                                        .conf_size = sizeof(struct maria_conf),
                                        .connections = CONNECTIONS,
                                        .together = together,
                                        .connect_now = maria_connect_now,
                                        .run_now = maria_run_now,
                                        .create = maria_create,
                                        .connect = maria_connect,
                                        .run = maria_run,
                                        .close = maria_conn_close};

#define PARAM_CONF struct maria_conf

static const struct param_spec params[] = {
    PARAM_NUMBER("ping_interval", ping_interval, 0, 86400, 300,
                 "a connection that was quiet for so long is tried before its next query; 0: never",
                 .unit = "s"),
    PARAM_NUMBER("timeout_interval", timeout_interval, 0, 3600, 2,
                 "most time to connect, and for each read and write, where a query blocks (start, "
                 "reload, tools); 0: no limit. Queries of scripts have db_deadline",
                 .unit = "s"),
    PARAM_NUMBER("together", together, 1, TOGETHER, TOGETHER,
                 "SELECTs that are sent together on one connection"),
    PARAM_SWITCH("auto_reconnect", auto_reconnect, 1,
                 "accepted for old scripts: a lost connection is always opened again"),
    {.name = NULL},
};

const struct module db_mysql_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "db_mysql",
                .doc = "tables in MySQL or MariaDB",
                .old_names = old_names,
                .params = params,
                .conf_size = sizeof(struct maria_conf)},
    .driver = &driver,
};
