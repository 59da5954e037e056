"""A lookup in a child process, which is ended when it has had its time.

Neither regexec(3) nor compiled PCRE2 code can be interrupted, so a lookup that may take long is made in a child: it has
the table as it is, sends its answer through a pipe and ends. A timer of its own ends it after CHILD_MS of processor time; the
parent waits WAIT_MS at most, since a busy machine may let a child wait that needs little. A dear lookup costs the
parent's fork: about a millisecond. What it made the libraries allocate goes with it.
"""

cdef extern from "regex.h" nogil:
    ctypedef int regoff_t
    ctypedef struct regmatch_t:
        regoff_t rm_so
        regoff_t rm_eo

cdef extern from *:
    """
    #include <errno.h>
    #include <poll.h>
    #include <regex.h>
    #include <signal.h>
    #include <string.h>
    #include <sys/time.h>
    #include <sys/wait.h>
    #include <unistd.h>
    #include <fcntl.h>
    enum { PYFIX_GROUPS = 100, PYFIX_TROUBLES = 64, PYFIX_CHILD_MS = 15, PYFIX_WAIT_MS = 100 };
    /* smaller than PIPE_BUF, so that it comes whole or not at all */
    typedef struct {
        long rule;
        int troubles;
        int trouble[PYFIX_TROUBLES][2];
        regmatch_t spans[PYFIX_GROUPS];
    } pyfix_answer;
    static int pyfix_split_off(int *channel)
    {
        const struct itimerval limit = { { 0, 0 }, { 0, PYFIX_CHILD_MS * 1000 } };
        int ends[2];
        pid_t child;
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -1;
        child = fork();
        if (child == 0) {
            signal(SIGPROF, SIG_DFL);
            setitimer(ITIMER_PROF, &limit, NULL);
        }
        close(ends[child == 0 ? 0 : 1]);
        *channel = ends[child == 0];
        if (child < 0)
            close(ends[0]);
        return child;
    }
    static void pyfix_answer_send(int channel, const pyfix_answer *made)
    {
        ssize_t sent = write(channel, made, sizeof(*made));
        _exit(sent == (ssize_t) sizeof(*made) ? 0 : 1);
    }
    static int pyfix_collect(int child, int channel, pyfix_answer *got)
    {
        struct pollfd ready = { channel, POLLIN, 0 };
        int status, heard;
        ssize_t size = 0;
        do
            heard = poll(&ready, 1, PYFIX_WAIT_MS);
        while (heard < 0 && errno == EINTR);
        if (heard == 1)
            size = read(channel, got, sizeof(*got));
        else
            kill(child, SIGKILL);
        close(channel);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
        return size == (ssize_t) sizeof(*got);
    }
    """
    enum:
        GROUPS "PYFIX_GROUPS"          # the highest $number that can have a value, with 0
        TROUBLES "PYFIX_TROUBLES"      # errors of rules that an answer can have
    ctypedef struct Answer "pyfix_answer":
        long rule
        int troubles
        int trouble[64][2]
        regmatch_t spans[100]
    # 0 in the child, the child's process id in the parent, -1 where there is none; the end of the pipe
    int split_off "pyfix_split_off"(int *channel) noexcept
    # in the child: does not return
    void answer "pyfix_answer_send"(int channel, const Answer *made) noexcept
    # in the parent: did an answer come?
    bint collect "pyfix_collect"(int child, int channel, Answer *got) noexcept
