/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's lock, publication, dirty log, repair and readers under weak memory order, for Spin.
 * Explained, with results, in docs/store-model.md; the code is lib/model/tx.c and reader.c.
 *
 * Writes go to a buffer of their process. Any of them may become visible next that has no earlier
 * write to the same word before it and no fence between: so writes are seen out of order unless a
 * fence keeps them apart. Who is killed loses what was not visible yet: that stands for a death at
 * any instruction of a program whose compiler had the same freedom. Unlocking waits until all is
 * visible (release), and the kernel hands the lock of a dead owner on.
 *
 * -DNO_MARK_FENCE, NO_COPY_FENCE, NO_ENTRY_FENCE, NO_COUNT_FENCE, NO_COMMIT_RELEASE,
 * NO_READ_FENCE, NO_READ_ACQUIRE leave one of them out. -DREADS_ONLY: only readers judge;
 * -DLATE_READER: they come when all is done, which finds what a repair left wrong sooner.
 */
#ifndef MSGS
#define MSGS 4 /* messages begun, killed ones too */
#endif
#ifndef KILLS
#define KILLS 2
#endif
#ifndef READS
#define READS 1
#endif

#define WRITERS 2
#define CAP 6 /* writes of one process that are not visible yet */

#define PUB 0  /* version << 1 | mark */
#define LOGN 1 /* length of the log */
#define LOG 2  /* two entries: numbers of blocks */
#define BIT 4  /* the block is in the log */
#define DATA 6 /* two copies of two blocks */
#define COPY(v, b) (DATA + ((v) & 1) * 2 + (b))

byte mem[10];
byte lock; /* 0, or 1 + number of the owner */
byte msgs;
byte kills;
bool kill_now[WRITERS];

/* What each version has to show: written down when it is about to be published. */
byte should_x[MSGS + 1];
byte should_y[MSGS + 1];

/* Writes that are not visible yet */
byte used[WRITERS];
byte word[WRITERS * CAP];
byte value[WRITERS * CAP];
byte after[WRITERS * CAP]; /* fences of this process before the write */
byte fences[WRITERS];

#define AT(i) (w * CAP + (i))
#define FREE_OF(i, j) (word[AT(j)] != word[AT(i)] && after[AT(j)] == after[AT(i)])

inline reveal(i)
{
    d_step {
        mem[word[AT(i)]] = value[AT(i)];
        k = i;
        do
        :: k + 1 < used[w] ->
            word[AT(k)] = word[AT(k + 1)];
            value[AT(k)] = value[AT(k + 1)];
            after[AT(k)] = after[AT(k + 1)];
            k++
        :: else -> break
        od;
        used[w] = used[w] - 1;
        word[AT(used[w])] = 0;
        value[AT(used[w])] = 0;
        after[AT(used[w])] = 0;
        if
        :: used[w] == 0 -> fences[w] = 0
        :: else -> skip
        fi;
        k = 0
    }
}

proctype memory(byte w)
{
    byte k;

end:
    do
    :: atomic { used[w] > 0 -> reveal(0) }
    :: atomic { used[w] > 1 && FREE_OF(1, 0) -> reveal(1) }
    :: atomic { used[w] > 2 && FREE_OF(2, 0) && FREE_OF(2, 1) -> reveal(2) }
    :: atomic { used[w] > 3 && FREE_OF(3, 0) && FREE_OF(3, 1) && FREE_OF(3, 2) -> reveal(3) }
    :: atomic {
        used[w] > 4 && FREE_OF(4, 0) && FREE_OF(4, 1) && FREE_OF(4, 2) && FREE_OF(4, 3) -> reveal(4)
    }
    :: atomic {
        used[w] > 5 && FREE_OF(5, 0) && FREE_OF(5, 1) && FREE_OF(5, 2) && FREE_OF(5, 3) &&
            FREE_OF(5, 4) -> reveal(5)
    }
    od
}

inline put(where, what)
{
    atomic {
        used[w] < CAP ->
        word[AT(used[w])] = where;
        value[AT(used[w])] = what;
        after[AT(used[w])] = fences[w];
        used[w] = used[w] + 1
    }
}

/* A process sees its own writes. */
inline get(where, to)
{
    d_step {
        to = mem[where];
        k = 0;
        do
        :: k < used[w] ->
            if
            :: word[AT(k)] == where -> to = value[AT(k)]
            :: else -> skip
            fi;
            k++
        :: else -> break
        od;
        k = 0
    }
}

inline fence()
{
    d_step {
        if
        :: used[w] > 0 -> fences[w] = fences[w] + 1
        :: else -> skip
        fi
    }
}

/* Into the log before its first write, then the write itself. */
inline change(b)
{
    get(BIT + b, t);
    if
    :: t == 0 ->
        put(LOG + n, b);
#ifndef NO_ENTRY_FENCE
        fence();
#endif
        n++;
        put(LOGN, n);
#ifndef NO_COUNT_FENCE
        fence();
#endif
        put(BIT + b, 1)
    :: else -> skip
    fi;
    put(COPY(v + 1, b), id);
    d_step {
        if
        :: b == 0 -> x = id
        :: else -> y = id
        fi
    }
}

inline copies_agree()
{
#ifndef READS_ONLY
    get(COPY(v, 0), t);
    get(COPY(v + 1, 0), b);
    assert(t == b);
    get(COPY(v, 1), t);
    get(COPY(v + 1, 1), b);
    assert(t == b);
#endif
    t = 0;
    b = 0
}

inline commit()
{
    d_step { should_x[v + 1] = x; should_y[v + 1] = y };
#ifndef NO_COMMIT_RELEASE
    fence();
#endif
    put(PUB, (v + 1) << 1)
}

inline message()
{
    get(PUB, v);
    v = v >> 1;
    put(PUB, v << 1 | 1);
#ifndef NO_MARK_FENCE
    fence();
#endif
    get(LOGN, n);
    i = 0;
    do
    :: i < n ->
        get(LOG + i, b);
        get(COPY(v, b), t);
        put(COPY(v + 1, b), t);
        put(BIT + b, 0);
        i++
    :: else -> break
    od;
#ifndef NO_COPY_FENCE
    fence();
#endif
    put(LOGN, 0);
    d_step { n = 0; i = 0; x = should_x[v]; y = should_y[v] };
    copies_agree();
    if
    :: change(0)
    :: change(1)
    :: change(0); change(1)
    fi;
    if
    :: commit()
    :: skip /* the message fails: the log stays */
    fi;
    d_step { v = 0; n = 0; t = 0; b = 0; id = 0; x = 0; y = 0 }
}

proctype writer(byte w)
{
    byte v, n, i, b, t, k, id, x, y;

again:
    {
        do
        :: atomic { msgs < MSGS && lock == 0 -> lock = w + 1; msgs++; id = msgs };
            message();
            atomic { used[w] == 0 -> lock = 0 }
        :: msgs == MSGS && lock == 0 -> goto done
        od
    } unless {
        atomic {
            kill_now[w] ->
            kill_now[w] = 0;
            do
            :: used[w] > 0 ->
                used[w] = used[w] - 1;
                word[AT(used[w])] = 0;
                value[AT(used[w])] = 0;
                after[AT(used[w])] = 0
            :: else -> break
            od;
            fences[w] = 0;
            lock = 0;
            v = 0; n = 0; i = 0; b = 0; t = 0; k = 0; id = 0; x = 0; y = 0
        }
    };
    goto again;
done:
    skip
}

proctype killer()
{
end:
    do
    :: atomic { kills < KILLS && lock == 1 && !kill_now[0] -> kill_now[0] = 1; kills++ }
    :: atomic { kills < KILLS && lock == 2 && !kill_now[1] -> kill_now[1] = 1; kills++ }
    od
}

/* Loads come in program order but for what is left out. */
inline look()
{
#ifdef NO_READ_ACQUIRE
    /* the data may be read before the word that says which copy: its place is guessed */
    if
    :: v = 0
    :: v = 1
    fi;
    x = mem[COPY(v, 0)];
    y = mem[COPY(v, 1)];
    guess = v;
    p = mem[PUB];
    v = p >> 1;
    seen = mem[PUB];
    right = ((v & 1) == guess)
#else
    p = mem[PUB];
    v = p >> 1;
#ifdef NO_READ_FENCE
    if
    :: seen = mem[PUB]; x = mem[COPY(v, 0)]; y = mem[COPY(v, 1)]
    :: x = mem[COPY(v, 0)]; seen = mem[PUB]; y = mem[COPY(v, 1)]
    :: y = mem[COPY(v, 1)]; seen = mem[PUB]; x = mem[COPY(v, 0)]
    :: x = mem[COPY(v, 0)]; y = mem[COPY(v, 1)]; seen = mem[PUB]
    fi;
#else
    if
    :: x = mem[COPY(v, 0)]; y = mem[COPY(v, 1)]
    :: y = mem[COPY(v, 1)]; x = mem[COPY(v, 0)]
    fi;
    seen = mem[PUB];
#endif
    right = 1
#endif
}

proctype reader()
{
    byte reads, tries, p, v, x, y, seen, last, guess;
    bool right;

#ifdef LATE_READER
    (msgs == MSGS && lock == 0);
#endif
    do
    :: reads < READS ->
        tries = 0;
        do
        :: tries < 2 ->
            look();
            if
            :: !right -> skip
            :: right && seen - (p & 254) <= 2 -> break
            :: right && seen - (p & 254) > 2 -> tries++
            fi
        :: tries == 2 -> /* overtaken again and again: with the lock it comes through */
            atomic { lock == 0 -> lock = 99 };
            do
            :: look(); if :: right -> break :: !right -> skip fi
            od;
            assert(seen - (p & 254) <= 2);
            lock = 0;
            break
        od;
        /* P1, P2: the whole state of the version that was published, and never an older one */
        assert(x == should_x[v] && y == should_y[v]);
        assert(v >= last);
        d_step { last = v; v = 0; p = 0; x = 0; y = 0; seen = 0; tries = 0; guess = 0; reads++ }
    :: reads == READS -> break
    od
}

init {
    atomic {
        run memory(0);
        run memory(1);
        run writer(0);
        run writer(1);
        run killer();
        run reader()
    }
}
