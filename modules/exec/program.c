/* Programs that run beside the workers. A thread of its own begins them, since that takes the
 * system some time; a worker watches their pipes and their end, and nobody waits. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "modules/exec/priv.h"

enum { WORKERS = 128, POLL_END = 20 /* ms, where the system cannot tell of a program's end */ };

/* One program, from the call that wants it until it is gone. */
struct child {
    struct list link;      /* of its worker's */
    struct child *next;    /* in the queue of the launcher */
    struct loop_item item; /* back from the launcher */
    struct exec_state *state;
    struct loop *loop;
    struct wait *wait;
    exec_done done;
    void *arg;
    bool orphan;    /* its worker has ended; under the state's lock */
    bool launching; /* the launcher has it; under the lock */
    pid_t pid;      /* 0: none */
    int error;      /* why it could not be begun */
    int status;     /* of waitpid */
    bool exited, late;
    int child_in, child_out; /* its ends of the pipes */
    struct watch in, out, end;
    struct timer deadline, poll;
    size_t written, input_len, output_len;
    char *line, *input, *output;
    char **environment; /* one piece of memory with its texts */
};

struct worker {
    struct list programs;
    struct service service;
};

struct exec_state {
    pthread_t launcher;
    bool started;
    pthread_mutex_t lock; /* for the queue, limits, orphans */
    pthread_cond_t wanted;
    struct child *first, **last;
    bool ending;
    _Atomic uint32_t deadline, programs, failures, pause;
    struct worker worker[WORKERS];
};

/* ---- memory ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void unwatch(struct child *p, struct watch *w)
{
    if (w->fd >= 0)
        p->loop->unwatch(p->loop, w);
    close_fd(&w->fd);
}

/* Its descriptors on the worker's side and its memory. */
static void child_free(struct child *p)
{
    close_fd(&p->child_in);
    close_fd(&p->child_out);
    close_fd(&p->in.fd);
    close_fd(&p->out.fd);
    close_fd(&p->end.fd);
    free(p->environment);
    free(p->line);
    free(p->input);
    free(p->output);
    free(p);
}

/* The whole of its process group: what the shell has begun, too. */
static void kill_child(const struct child *p)
{
    if (p->pid > 0 && !p->exited)
        kill(-p->pid, SIGKILL);
}

static void kill_and_reap(struct child *p)
{
    kill_child(p);
    while (p->pid > 0 && !p->exited && waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
        ;
}

/* A list of texts in one piece, which a program outlives the call's arena with. */
static char **copy_environment(char *const *v)
{
    size_t n = 0, bytes = 0;
    for (; v[n]; n++)
        bytes += strlen(v[n]) + 1;
    char **copy = malloc((n + 1) * sizeof *copy + bytes);
    if (!copy)
        return NULL;
    char *text = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(v[i]) + 1;
        copy[i] = memcpy(text, v[i], len);
        text += len;
    }
    copy[n] = NULL;
    return copy;
}

/* ---- the launcher ---- */

static int spawn(struct child *p)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char shell[] = "sh", option[] = "-c", *argv[] = {shell, option, p->line, NULL};
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&all);
    if (p->child_in >= 0)
        posix_spawn_file_actions_adddup2(&files, p->child_in, 0);
    else
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (p->child_out >= 0)
        posix_spawn_file_actions_adddup2(&files, p->child_out, 1);
    else
        posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int rc = posix_spawn(&p->pid, "/bin/sh", &files, &attributes, argv, p->environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (rc != 0)
        p->pid = 0;
    return rc;
}

/* Begins one and hands it back to its worker; when that has ended meanwhile, nobody wants it. */
static void launch(struct exec_state *s, struct child *p)
{
    p->error = spawn(p);
    close_fd(&p->child_in);
    close_fd(&p->child_out);
    if (p->pid > 0)
        p->end.fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    pthread_mutex_lock(&s->lock);
    p->launching = false;
    bool wanted = !p->orphan && p->loop->post(p->loop, &p->item) == ERR_OK;
    bool mine = p->orphan;
    pthread_mutex_unlock(&s->lock);
    if (!wanted && mine) {
        kill_and_reap(p);
        child_free(p);
    }
}

static void *launcher_main(void *state)
{
    struct exec_state *s = state;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->first && !s->ending)
            pthread_cond_wait(&s->wanted, &s->lock);
        struct child *p = s->first;
        if (!p)
            break;
        s->first = p->next;
        if (!s->first)
            s->last = &s->first;
        pthread_mutex_unlock(&s->lock);
        launch(s, p);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* The thread begins with the first program. */
static bool give_to_launcher(struct exec_state *s, struct child *p)
{
    pthread_mutex_lock(&s->lock);
    if (!s->started)
        s->started = pthread_create(&s->launcher, NULL, launcher_main, s) == 0;
    bool given = s->started;
    if (given) {
        p->launching = true;
        *s->last = p;
        s->last = &p->next;
        pthread_cond_signal(&s->wanted);
    }
    pthread_mutex_unlock(&s->lock);
    return given;
}

/* ---- its life on the worker ---- */

static void finish(struct child *p, int status)
{
    struct exec_result r = {.output = str_make(p->output, p->output_len)};
    struct wait *w = p->wait;
    r.status = WIFEXITED(p->status) ? WEXITSTATUS(p->status) : -1;
    unwatch(p, &p->in);
    unwatch(p, &p->out);
    unwatch(p, &p->end);
    wheel_cancel(p->loop->wheel, &p->deadline);
    wheel_cancel(p->loop->wheel, &p->poll);
    list_remove(&p->link);
    wait_end(w, status, &r); /* p->arg and done are the call's, if it still waits */
    child_free(p);
}

/* Over when it has ended and all it wrote was read; what it left running in the background may keep
 * the pipe open, but not beyond the deadline. */
static void look(struct child *p)
{
    if (!p->exited || p->out.fd >= 0)
        return;
    finish(p, p->late ? ERR_TIMEOUT : ERR_OK);
}

static void reap(struct child *p)
{
    if (!p->exited && waitpid(p->pid, &p->status, WNOHANG) == p->pid) {
        p->exited = true;
        unwatch(p, &p->end);
        unwatch(p, &p->in);
    }
}

static void ended(struct watch *w, unsigned events)
{
    struct child *p = container_of(w, struct child, end);
    (void)events;
    reap(p);
    look(p);
}

static void ask_for_end(struct timer *t, void *ctx)
{
    struct child *p = container_of(t, struct child, poll);
    (void)ctx;
    reap(p);
    if (!p->exited)
        wheel_arm(p->loop->wheel, t, p->loop->now + POLL_END, ask_for_end);
    look(p);
}

static void too_late(struct timer *t, void *ctx)
{
    struct child *p = container_of(t, struct child, deadline);
    (void)ctx;
    p->late = true;
    kill_child(p);
    unwatch(p, &p->out);
    look(p);
}

static void readable(struct watch *w, unsigned events)
{
    struct child *p = container_of(w, struct child, out);
    (void)events;
    ssize_t n = read(w->fd, p->output + p->output_len, EXEC_OUTPUT_MAX - p->output_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0) {
        p->output_len += (size_t)n;
        if (p->output_len < EXEC_OUTPUT_MAX)
            return;
        log_warn("exec: a program wrote more than %d bytes and was ended", EXEC_OUTPUT_MAX);
        kill_child(p);
    }
    unwatch(p, w);
    look(p);
}

static void writable(struct watch *w, unsigned events)
{
    struct child *p = container_of(w, struct child, in);
    (void)events;
    ssize_t n = write(w->fd, p->input + p->written, p->input_len - p->written);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    p->written += n > 0 ? (size_t)n : 0;
    if (n < 0 || p->written == p->input_len)
        unwatch(p, w); /* it has all of it, or does not want more */
}

/* Back from the launcher. */
static void launched(struct loop_item *i)
{
    struct child *p = container_of(i, struct child, item);
    struct loop *l = p->loop;
    if (p->pid == 0) {
        log_err("exec: a program cannot be begun: %s", strerror(p->error));
        finish(p, ERR_IO);
        return;
    }
    int rc = ERR_OK;
    if (p->in.fd >= 0)
        rc = l->watch(l, &p->in, LOOP_WRITE);
    if (rc == ERR_OK && p->out.fd >= 0)
        rc = l->watch(l, &p->out, LOOP_READ);
    if (rc == ERR_OK && p->end.fd >= 0)
        rc = l->watch(l, &p->end, LOOP_READ);
    if (p->end.fd < 0 || rc != ERR_OK)
        wheel_arm(l->wheel, &p->poll, l->now + POLL_END, ask_for_end);
    if (rc != ERR_OK)
        kill_child(p);
    if (p->late)
        kill_child(p); /* it took so long to begin */
}

/* ---- beginning ---- */

/* A pipe of which our end does not wait. */
static bool make_pipe(int *ours, int *theirs, bool we_read)
{
    int fd[2];
    if (pipe2(fd, O_CLOEXEC) != 0)
        return false;
    *ours = fd[we_read ? 0 : 1];
    *theirs = fd[we_read ? 1 : 0];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool fill(struct child *p, const struct exec_job *job)
{
    p->line = strdup(job->line);
    p->environment = copy_environment(job->environment);
    if (!p->line || !p->environment)
        return false;
    if (job->input.len) {
        p->input = malloc(job->input.len);
        if (!p->input || !make_pipe(&p->in.fd, &p->child_in, false))
            return false;
        memcpy(p->input, job->input.p, job->input.len);
        p->input_len = job->input.len;
    }
    if (job->output) {
        p->output = malloc(EXEC_OUTPUT_MAX);
        return p->output && make_pipe(&p->out.fd, &p->child_out, true);
    }
    return true;
}

static struct child *child_new(const struct exec_job *job)
{
    struct child *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->child_in = p->child_out = -1;
    p->in = (struct watch){.fd = -1, .ready = writable};
    p->out = (struct watch){.fd = -1, .ready = readable};
    p->end = (struct watch){.fd = -1, .ready = ended};
    p->item.fn = launched;
    if (fill(p, job))
        return p;
    child_free(p);
    return NULL;
}

/* What a call keeps while its program runs. */
struct waiting {
    exec_done done;
    void *arg;
};

static int over(struct call *c, void *arg, int status, const void *answer)
{
    const struct waiting *w = arg;
    return w->done(c, w->arg, status, answer);
}

static void say_why(int status)
{
    log_err("exec: the program is not run: %s",
            status == ERR_LIMIT   ? "too many run already"
            : status == ERR_STATE ? "too many have failed in a row, there is a pause"
                                  : err_text(status));
}

static void take_limits(struct exec_state *s, struct service *service)
{
    service->name = "exec";
    service->limits.deadline = atomic_load_explicit(&s->deadline, memory_order_relaxed);
    service->limits.waiting = atomic_load_explicit(&s->programs, memory_order_relaxed);
    service->limits.failures = atomic_load_explicit(&s->failures, memory_order_relaxed);
    service->limits.pause = atomic_load_explicit(&s->pause, memory_order_relaxed);
}

static int begin(struct call *c, struct exec_state *s, struct child *p, struct waiting *w)
{
    struct worker *k = &s->worker[call_worker(c)];
    int status;
    p->state = s;
    p->loop = call_loop(c);
    p->wait = call_wait(c, &k->service, over, w, &status);
    if (!p->wait) {
        child_free(p);
        say_why(status);
        return w->done(c, w->arg, status, NULL);
    }
    list_append(&k->programs, &p->link);
    if (k->service.limits.deadline)
        wheel_arm(p->loop->wheel, &p->deadline, p->loop->now + k->service.limits.deadline,
                  too_late);
    if (give_to_launcher(s, p))
        return CALL_SUSPENDED;
    p->error = EAGAIN; /* told as if the launcher had come back with it */
    if (p->loop->post(p->loop, &p->item) != ERR_OK)
        log_err("exec: no thread to begin programs");
    return CALL_SUSPENDED;
}

int exec_run(struct call *c, struct exec_state *s, const struct exec_job *job, exec_done done,
             void *arg)
{
    struct waiting *w = arena_alloc(c->arena, sizeof *w);
    if (!call_loop(c)->watch) {
        log_err("exec: there are no programs in a simulated world");
        return done(c, arg, ERR_UNSUPPORTED, NULL);
    }
    struct child *p = w ? child_new(job) : NULL;
    if (!p) {
        say_why(ERR_NOMEM);
        return done(c, arg, ERR_NOMEM, NULL);
    }
    *w = (struct waiting){done, arg};
    take_limits(s, &s->worker[call_worker(c)].service);
    return begin(c, s, p, w);
}

/* ---- state ---- */

struct exec_state *exec_state_new(void)
{
    struct exec_state *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wanted, NULL);
    s->last = &s->first;
    for (unsigned i = 0; i < WORKERS; i++)
        list_init(&s->worker[i].programs);
    return s;
}

void exec_state_limits(struct exec_state *s, const struct exec_conf *conf)
{
    atomic_store(&s->deadline, (uint32_t)conf->time_to_kill * 1000);
    atomic_store(&s->programs, (uint32_t)conf->programs);
    atomic_store(&s->failures, (uint32_t)conf->failures);
    atomic_store(&s->pause, (uint32_t)conf->pause);
}

/* The waits are forgotten already; what the launcher has, it frees. */
void exec_state_leave(struct exec_state *s, unsigned worker)
{
    struct list *programs = &s->worker[worker].programs;
    while (!list_empty(programs)) {
        struct child *p = container_of(programs->next, struct child, link);
        list_remove(&p->link);
        wheel_cancel(p->loop->wheel, &p->deadline);
        wheel_cancel(p->loop->wheel, &p->poll);
        wait_end(p->wait, ERR_STATE, NULL);
        pthread_mutex_lock(&s->lock);
        bool launching = p->launching;
        p->orphan = true;
        pthread_mutex_unlock(&s->lock);
        if (launching)
            continue;
        unwatch(p, &p->in);
        unwatch(p, &p->out);
        unwatch(p, &p->end);
        kill_and_reap(p);
        child_free(p);
    }
}

void exec_state_free(struct exec_state *s)
{
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->wanted);
    pthread_mutex_unlock(&s->lock);
    if (s->started)
        pthread_join(s->launcher, NULL);
    pthread_cond_destroy(&s->wanted);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
