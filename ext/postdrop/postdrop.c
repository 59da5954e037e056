/*
 * postdrop: put one message from standard input into the maildrop directory.
 *
 *     postdrop [-c config_directory]
 *
 * Law: postdrop(1) of Postfix for its place and its caution; the format of what it reads and
 * writes is that of pyfix/ipc/submission.py: records of one type byte, a 4-byte big-endian length, data.
 * It runs setgid ($setgid_group), because maildrop can be written by that group only. So it trusts nothing that
 * its caller controls: not the environment, the descriptors, the signals, the limits, the working directory, nor
 * a configuration directory that the default main.cf does not name.
 *
 * The message is complete before it can be seen: O_EXCL, write, fsync, then the owner's x bit, then fsync again.
 * pickup takes files with the x bit only, and checks the end record besides. Exit: 0 stored, 69 too big, the
 * signal's number where one came, 1 any other trouble.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef DEFAULT_CONFIG_DIRECTORY
#define DEFAULT_CONFIG_DIRECTORY "/etc/postfix"
#endif

enum { FAILED = 1, TOO_BIG = 69 };
enum { PATIENCE = 10 };                 /* seconds between attempts to create a file */
enum { ENVELOPE_LIMIT = 4096, CHUNK_LIMIT = 65536, PATH_SIZE = 1024, LINE_SIZE = 65536 };

static char unfinished[64];             /* name of the file while it is not complete */
static char queue_directory[PATH_SIZE] = "/var/spool/postfix";
static char allowed_directories[LINE_SIZE];
static unsigned long long size_limit = 10240000;

static void discard(void)
{
    if (unfinished[0])
        (void) unlink(unfinished);
    unfinished[0] = 0;
}

static void __attribute__((noreturn, format(printf, 2, 3))) fatal(int status, const char *format, ...)
{
    va_list arguments;

    discard();
    fputs("postdrop: fatal: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(status);
}

/* unlink and _exit may be called from a signal handler */
static void on_signal(int number)
{
    discard();
    _exit(number);
}

/* Descriptors 0 to 2 must be open, or our file would become standard error. */
static void open_standard_descriptors(void)
{
    int fd;

    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            _exit(FAILED);
    } while (fd < 3);
    close(fd);
}

static void settle_signals(void)
{
    static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM};
    struct sigaction action;
    sigset_t none;
    size_t at;

    memset(&action, 0, sizeof(action));
    sigemptyset(&action.sa_mask);
    for (at = 0; at < sizeof(deadly) / sizeof(deadly[0]); at++)
        sigaddset(&action.sa_mask, deadly[at]);
    action.sa_handler = on_signal;
    for (at = 0; at < sizeof(deadly) / sizeof(deadly[0]); at++)
        sigaction(deadly[at], &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL);
    action.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    alarm(0);
}

static int privileged(void)
{
    return getauxval(AT_SECURE) || geteuid() != getuid() || getegid() != getgid();
}

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (end > text && strchr(" \t\r\n", end[-1]))
        *--end = 0;
    return text + strspn(text, " \t\r\n");
}

static void take_parameter(const char *name, char *value)
{
    char *end;

    if (strcmp(name, "queue_directory") == 0) {
        if (value[0] != '/' || strchr(value, '$') || strlen(value) >= sizeof(queue_directory))
            fatal(FAILED, "queue_directory in main.cf must be a full path without $name");
        strcpy(queue_directory, value);
    } else if (strcmp(name, "message_size_limit") == 0) {
        if (value[0] < '0' || value[0] > '9')
            fatal(FAILED, "message_size_limit in main.cf must be a number");
        size_limit = strtoull(value, &end, 10);
    } else if (strcmp(name, "alternate_config_directories") == 0 || strcmp(name, "multi_instance_directories") == 0) {
        size_t used = strlen(allowed_directories);
        if (used + strlen(value) + 2 < sizeof(allowed_directories)) {
            strcat(allowed_directories, " ");
            strcat(allowed_directories, value);
        }
    }
}

/* The few parameters that we need; a value that uses $name is refused where it matters. */
static void read_main_cf(const char *directory, int optional)
{
    static char logical[LINE_SIZE], line[LINE_SIZE];
    char path[PATH_SIZE + 16], *equals;
    FILE *file;
    int more = 1;

    if (snprintf(path, sizeof(path), "%s/main.cf", directory) >= (int) sizeof(path))
        fatal(FAILED, "the configuration directory's name is too long");
    if ((file = fopen(path, "re")) == NULL) {
        if (optional)
            return;
        fatal(FAILED, "open %s: %s", path, strerror(errno));
    }
    logical[0] = 0;
    while (more) {
        more = fgets(line, sizeof(line), file) != NULL;
        if (more && line[strspn(line, " \t\r\n")] == 0)
            continue;
        if (more && line[strspn(line, " \t")] == '#')
            continue;
        if (more && (line[0] == ' ' || line[0] == '\t') && strlen(logical) + strlen(line) < sizeof(logical)) {
            strcat(logical, line);
            continue;
        }
        if ((equals = strchr(logical, '=')) != NULL) {
            *equals = 0;
            take_parameter(trim(logical), trim(equals + 1));
        }
        strcpy(logical, more ? line : "");
    }
    fclose(file);
}

static int is_allowed(const char *directory)
{
    static char copy[LINE_SIZE];
    char *word, *rest = NULL;

    strcpy(copy, allowed_directories);
    for (word = strtok_r(copy, ", \t\r\n", &rest); word; word = strtok_r(NULL, ", \t\r\n", &rest))
        if (strcmp(word, directory) == 0)
            return 1;
    return 0;
}

static void configure(const char *directory)
{
    if (directory == NULL || strcmp(directory, DEFAULT_CONFIG_DIRECTORY) == 0) {
        read_main_cf(DEFAULT_CONFIG_DIRECTORY, 0);
        return;
    }
    if (privileged()) {
        read_main_cf(DEFAULT_CONFIG_DIRECTORY, 1);
        if (!is_allowed(directory))
            fatal(FAILED, "configuration directory %s is not listed in %s/main.cf: alternate_config_directories",
                  directory, DEFAULT_CONFIG_DIRECTORY);
    }
    read_main_cf(directory, 0);
}

static void read_exactly(unsigned char *data, size_t size)
{
    if (fread(data, 1, size, stdin) != size)
        fatal(FAILED, ferror(stdin) ? "cannot read the message" : "the message is cut short: nothing was stored");
}

static void write_all(int fd, const unsigned char *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            fatal(errno == EFBIG ? TOO_BIG : FAILED, "write to maildrop: %s", strerror(errno));
        data += done;
        size -= (size_t) done;
    }
}

/*
 * As in Postfix, what is wrong with maildrop is waited for: mail is not lost because a directory is, and whoever
 * called us can still give up.
 */
static int create(void)
{
    struct timespec now;
    int fd;

    for (;;) {
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(unfinished, sizeof(unfinished), "maildrop/%llX%05lX.%lX", (unsigned long long) now.tv_sec,
                 (unsigned long) now.tv_nsec / 1000, (unsigned long) getpid());
        fd = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
            return fd;
        if (errno == EEXIST)
            continue;
        fprintf(stderr, "postdrop: warning: mail_queue_enter: create file %s: %s\n", unfinished, strerror(errno));
        unfinished[0] = 0;
        sleep(PATIENCE);
    }
}

/* The order of records: S and A first, R with N and O before it, M, L any number of times, E. */
static int next_state(int state, int type)
{
    if (state == 0 && type == 'S')
        return 1;
    if ((state == 1 || state == 2) && strchr("ANO", type))
        return state;
    if ((state == 1 || state == 2) && type == 'R')
        return 2;
    if (state == 2 && type == 'M')
        return 3;
    if (state == 3 && type == 'L')
        return 3;
    if (state == 3 && type == 'E')
        return 4;
    fatal(FAILED, "malformed input: record type %d where it makes no sense", type);
}

static void check_envelope(const unsigned char *data, size_t size)
{
    size_t at;

    for (at = 0; at < size; at++)
        if (data[at] == 0 || data[at] == '\n' || data[at] == '\r')
            fatal(FAILED, "malformed input: an envelope record holds a control character");
}

static void copy_message(int fd)
{
    static unsigned char record[5 + CHUNK_LIMIT];
    unsigned long long total = 0;
    int state = 0;

    while (state != 4) {
        uint32_t size;
        read_exactly(record, 5);
        size = (uint32_t) record[1] << 24 | (uint32_t) record[2] << 16 | (uint32_t) record[3] << 8 | record[4];
        if (record[0] == 0 || size > (record[0] == 'L' ? CHUNK_LIMIT : ENVELOPE_LIMIT))
            fatal(FAILED, "malformed input: record type %d of %lu bytes", record[0], (unsigned long) size);
        state = next_state(state, record[0]);
        read_exactly(record + 5, size);
        if (state < 3)
            check_envelope(record + 5, size);
        else if (size_limit > 0 && (total += size) > size_limit)
            fatal(TOO_BIG, "message file too big");
        write_all(fd, record, 5 + size);
    }
    if (getc(stdin) != EOF)
        fatal(FAILED, "malformed input: data after the end of the message");
}

static void commit(int fd)
{
    if (fsync(fd) < 0 || fchmod(fd, 0744) < 0 || fsync(fd) < 0)
        fatal(FAILED, "sync a file in %s/maildrop: %s", queue_directory, strerror(errno));
    unfinished[0] = 0;
    if (close(fd) < 0)
        fprintf(stderr, "postdrop: warning: close: %s\n", strerror(errno));
}

/* Tell pickup that there is work. Nobody there: it looks by itself when it starts. */
static void wake_pickup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "public/pickup"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *) &address, sizeof(address)) == 0 && write(fd, "W", 1) < 0)
        fputs("postdrop: warning: pickup does not listen\n", stderr);
    close(fd);
}

int main(int argc, char **argv)
{
    const char *directory = NULL;
    struct rlimit no_core = {0, 0};
    int option, fd;

    open_standard_descriptors();
    umask(0077);
    settle_signals();
    setrlimit(RLIMIT_CORE, &no_core);
    if (argc < 1)
        fatal(FAILED, "no program name");
    if (!privileged())
        directory = getenv("MAIL_CONFIG");
    if (clearenv() != 0)
        fatal(FAILED, "cannot clear the environment");
    while ((option = getopt(argc, argv, "c:rv")) > 0) {
        if (option == 'c')
            directory = optarg;
        else if (option != 'r' && option != 'v')
            fatal(FAILED, "usage: postdrop [-c config_dir] [-v]");
    }
    configure(directory);
    if (chdir(queue_directory) < 0)
        fatal(FAILED, "chdir %s: %s", queue_directory, strerror(errno));
    fd = create();
    copy_message(fd);
    commit(fd);
    wake_pickup();
    return 0;
}
